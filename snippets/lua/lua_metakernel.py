"""A kernel that evaluates Lua, made after my_kernel: `python -m lua_metakernel install` writes its kernelspec."""

import sys

from lupa.lua54 import LuaRuntime, LuaSyntaxError
from metakernel import ExceptionWrapper, MetaKernel

# Lua's own output can stay in a buffer that no notebook shows. Python notices an interrupt only while it runs, so Lua often calls `look`.
BEGIN = """
function(write, look)
  function print(...)
    local words = table.pack(...)
    for number = 1, words.n do words[number] = tostring(words[number]) end
    write(table.concat(words, "\\t") .. "\\n")
  end
  function io.write(...) write(table.concat({...})) end
  debug.sethook(function() look() end, "", 100000)
end
"""


class LuaKernel(MetaKernel):
    implementation = "lua_metakernel"
    implementation_version = "1.0"
    banner = "Lua by way of MetaKernel"
    language_info = {"name": "lua", "mimetype": "text/x-lua", "file_extension": ".lua", "pygments_lexer": "lua"}
    # Without -P, Python would look for the kernel in the notebook's folder first, where somebody else may have put one.
    kernel_json = {
        "argv": [sys.executable, "-P", "-m", "lua_metakernel", "-f", "{connection_file}"],
        "display_name": "Lua",
        "language": "lua",
        "name": "lua",
    }

    def __init__(self, **options):
        super().__init__(**options)
        self.lua = LuaRuntime(register_eval=False, register_builtins=False)
        self.lua.eval(BEGIN)(lambda text: print(text, end=""), lambda: None)

    def get_usage(self):
        return "This is Lua. %lsmagic lists the magics."

    def do_execute_direct(self, code, silent=False):
        """Run the cell; the value of an expression is the cell's result."""
        try:
            try:
                return self.lua.execute(f"return {code}")
            except LuaSyntaxError:
                return self.lua.execute(code)
        # An interrupt is not an Exception. If nothing answers it, the notebook waits for ever.
        except (Exception, KeyboardInterrupt) as error:
            return ExceptionWrapper(type(error).__name__, str(error), str(error).splitlines())

    def get_completions(self, info):
        """What Tab offers for the word before the cursor."""
        return sorted(name for name in self.lua.globals() if name.startswith(info["obj"]))


if __name__ == "__main__":
    LuaKernel.run_as_main()
