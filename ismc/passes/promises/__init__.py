"""What must hold after each pass, as functions that yield the layers for which it does not."""
