"""The settings of a run: fields, recipes, and the command lines made from them."""
