"""The engine for models of Python's frameworks. Each framework is imported when a model needs it, and not before."""
