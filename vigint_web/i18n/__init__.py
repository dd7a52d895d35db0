"""How moments, numbers, codes and texts are shown in French and English."""
