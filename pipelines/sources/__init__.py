"""Sources: which objects there are, and their bytes. What is in them is for the transforms to say."""
