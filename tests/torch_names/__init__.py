"""How much of what PyTorch's teaching code uses is there: see coverage.py."""
