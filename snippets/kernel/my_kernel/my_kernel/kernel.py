"""A kernel that evaluates Python, to be replaced by your own language."""

import ast
import builtins
import inspect
import sys
import traceback

from metakernel import ExceptionWrapper, MetaKernel


class MyKernel(MetaKernel):
    implementation = "my_kernel"
    implementation_version = "1.0"
    banner = "my_kernel: Python by way of MetaKernel"
    language_info = {
        "name": "python",
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "python3",
    }
    # `install` writes this as kernel.json. Without it, `install` fails with an AttributeError. Without -P, Python would look for the
    # kernel in the notebook's folder first, where somebody else may have put a my_kernel.py.
    kernel_json = {
        "argv": [sys.executable, "-P", "-m", "my_kernel", "-f", "{connection_file}"],
        "display_name": "My Kernel",
        "language": "python",
        "name": "my_kernel",
    }

    def __init__(self, **options):
        super().__init__(**options)
        # A kernel has no terminal to read from: Python's own input() fails there. This one asks in the notebook.
        self.namespace = {"__name__": "__main__", "input": lambda prompt="": self.raw_input(str(prompt))}

    def get_usage(self):
        return "This is my_kernel. It evaluates Python; %lsmagic lists its magics."

    def do_execute_direct(self, code, silent=False):
        """Run the cell; the value of a last expression is the cell's result."""
        # Cells can import what lies beside the notebook. It comes last, so nothing there replaces a module of Python's.
        if "" not in sys.path:
            sys.path.append("")
        try:
            body = ast.parse(code).body
            last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), "<cell>", "exec"), self.namespace)
            if last is None:
                return None
            return eval(compile(ast.Expression(last.value), "<cell>", "eval"), self.namespace)
        # An interrupt is not an Exception. If nothing answers it, the notebook waits for ever.
        except (Exception, KeyboardInterrupt) as error:
            return ExceptionWrapper(type(error).__name__, str(error), traceback.format_exc().splitlines())

    def get_completions(self, info):
        """What Tab offers for the word before the cursor."""
        names = {**vars(builtins), **self.namespace}
        return sorted(name for name in names if name.startswith(info["obj"]))

    def get_kernel_help_on(self, info, level=0, none_on_fail=False):
        """What Shift and Tab show for the word before the cursor."""
        names = {**vars(builtins), **self.namespace}
        if info["obj"] in names:
            return inspect.getdoc(names[info["obj"]])
        return super().get_kernel_help_on(info, level, none_on_fail)
