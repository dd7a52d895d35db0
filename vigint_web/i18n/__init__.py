"""Format times, numbers, codes and texts in French and English."""
