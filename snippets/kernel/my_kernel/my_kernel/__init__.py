"""An example of a MetaKernel-based Jupyter kernel."""
