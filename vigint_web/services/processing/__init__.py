"""Turn uploads and frames into renditions."""
