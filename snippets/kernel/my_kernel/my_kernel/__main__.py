"""`python -m my_kernel install` writes the kernelspec; Jupyter itself runs `python -m my_kernel -f FILE`."""

from .kernel import MyKernel

MyKernel.run_as_main()
