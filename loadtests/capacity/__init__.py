"""How much a stack carries within stated objectives, and how many workers another load takes."""
