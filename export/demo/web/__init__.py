"""A page that draws with an exported .tflite in the browser."""
