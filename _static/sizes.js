// How many users fit on a machine: by the table of deploy/class.md that is above the form, and what a reader types.
addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.sizes");
  if (!form) return;
  const rows = document.querySelectorAll("table")[0].querySelectorAll("tbody tr");
  const [server, kernel] = [...rows].map((row) => parseInt(row.cells[1].textContent, 10));
  const SHARE = 0.8; // MemoryMax of jupyter.slice
  const [memory, kernels, data] = form.querySelectorAll("input");
  const said = form.querySelector("output");
  const show = () => {
    if (!form.checkValidity() || [memory, kernels, data].some((field) => field.value === "")) {
      said.textContent = "Whole numbers, please: at least 1 GB, up to 50 notebooks.";
      return;
    }
    const each = server + kernels.value * (kernel + Number(data.value));
    const users = Math.floor((SHARE * 1000 * memory.value) / each);
    said.textContent = `Each user takes ${each.toLocaleString("en")} MB: ${users.toLocaleString("en")} ${users === 1 ? "user fits" : "users fit"}.`;
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show();
});
