"""The tests, by their needs: nothing, real servers, a whole installation, a browser."""
