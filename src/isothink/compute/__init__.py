"""FLOPs, parameters, hardware time and their inverses, from a model's shape: pure arithmetic in exact integers."""
