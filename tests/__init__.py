"""The tests, by what they need: nothing, real servers, a whole installation, a browser."""
