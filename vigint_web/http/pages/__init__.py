"""What pages and documents share: language, cursors, fragments."""
