// Tabs: the reader's choice of each kind holds for every page and every later visit; ?tab=nginx makes one by a link.
// sphinx-tabs itself forgets it when the browser tab closes, and leaves the keyboard's focus behind.
const KEY = "metakernel-guide.tabs";
const chosen = () => {
  try { return JSON.parse(localStorage.getItem(KEY)) || {}; } catch { return {}; }
};
const labelOf = (tab) => tab.textContent.trim().toLowerCase();
const listOf = (tab) => [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
// Tabs with the same labels are of one kind.
const kindOf = (tab) => listOf(tab).map(labelOf).sort().join(" ");
const remember = (tab) => {
  try { localStorage.setItem(KEY, JSON.stringify({ ...chosen(), [kindOf(tab)]: labelOf(tab) })); } catch { /* storage is blocked */ }
};

// Of the commands that a button copies, so many letters are its name.
const NAME = 90;

// Only the selected tab is a stop of the Tab key; the arrows, Home and End lead to the others.
const refocus = () => {
  for (const tab of document.querySelectorAll(".sphinx-tabs-tab")) {
    tab.tabIndex = tab.getAttribute("aria-selected") === "true" ? 0 : -1;
  }
};

// `wanted` tells the label to choose for a tab's kind.
const choose = (wanted) => {
  for (const tab of document.querySelectorAll(".sphinx-tabs-tab.group-tab")) {
    if (labelOf(tab) === wanted(tab) && tab.getAttribute("aria-selected") !== "true") {
      deselectTabList(tab);
      selectTab(tab);
    }
  }
};

addEventListener("DOMContentLoaded", () => {
  const asked = new URLSearchParams(location.search).getAll("tab").map((label) => label.toLowerCase());
  const earlier = chosen();
  choose((tab) => listOf(tab).map(labelOf).find((label) => asked.includes(label)) || earlier[kindOf(tab)]);
  for (const list of document.querySelectorAll(".sphinx-tabs [role=tablist]")) {
    list.addEventListener("click", (event) => {
      const tab = event.target.closest(".group-tab");
      if (tab) remember(tab);
      refocus();
    });
    list.addEventListener("keydown", (event) => {
      const end = { Home: list.firstElementChild, End: list.lastElementChild }[event.key];
      if (end) {
        event.preventDefault();
        end.focus();
      }
    });
  }
  refocus();

  // A link to a place inside a hidden panel shows that panel.
  const reveal = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* a sign of its own, such as % */ }
    const target = id && document.getElementById(id);
    const panel = target && target.closest(".sphinx-tabs-panel[hidden]");
    if (panel) {
      document.getElementById(panel.getAttribute("aria-labelledby")).click();
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  // Furo opens its sidebars by labels of hidden checkboxes, which no keyboard reaches: buttons take their place.
  for (const [id, name, place] of [["__navigation", "Pages of this site", ".sidebar-drawer"], ["__toc", "Contents of this page", ".toc-drawer"]]) {
    const box = document.getElementById(id);
    const drawer = document.querySelector(place);
    if (!box || !drawer) continue;
    const buttons = [...document.querySelectorAll(`label[for="${id}"]:not(.overlay)`)].map((label) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = label.className;
      button.setAttribute("aria-label", name);
      button.append(...label.childNodes);
      label.replaceWith(button);
      return button;
    });
    let opener;
    const tell = () => { for (const button of buttons) button.setAttribute("aria-expanded", box.checked); };
    const close = () => {
      box.checked = false;
      tell();
    };
    for (const button of buttons) {
      button.addEventListener("click", () => {
        opener = button;
        box.checked = !box.checked;
        tell();
        if (box.checked) [...drawer.querySelectorAll("a[href]")].find((link) => link.checkVisibility())?.focus();
      });
    }
    box.addEventListener("change", tell);
    drawer.addEventListener("click", (event) => { if (event.target.closest("a")) close(); });
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && box.checked) {
        close();
        opener?.focus();
      }
    });
    tell();
  }

  // What furo leaves unnamed, and code that only a mouse could scroll.
  document.querySelector(".sidebar-drawer")?.setAttribute("aria-label", "Site");
  document.querySelector(".toc-drawer")?.setAttribute("aria-label", "On this page");
  const contents = document.querySelector(".toc-tree");
  contents?.setAttribute("role", "navigation");
  contents?.setAttribute("aria-label", "Headings");
  for (const icon of document.querySelectorAll(".icon svg, .theme-toggle svg, .back-to-top svg, .furo-related-icon")) icon.ariaHidden = "true";
  // Of many buttons that copy, each says what it copies, the file or the beginning of the commands, and that it did.
  const copiers = [...document.querySelectorAll("button.copybtn")];
  const typed = (block) => [...block.childNodes].filter((part) => !part.matches?.(".gp, .go")).map((part) => part.textContent).join("");
  const nameAll = () => {
    for (const button of copiers) {
      const file = button.closest(".literal-block-wrapper")?.querySelector(".caption-text");
      const words = (file ? file.querySelector("[aria-label]")?.getAttribute("aria-label") || file.textContent : typed(button.parentElement.querySelector("pre"))).replace(/\s+/g, " ").trim();
      button.setAttribute("aria-label", `Copy ${words.length > NAME ? `${words.slice(0, NAME)} …` : words}`);
    }
  };
  nameAll();
  addEventListener("values", nameAll);
  if (copiers.length) {
    const said = document.body.appendChild(document.createElement("p"));
    said.className = "heard";
    said.setAttribute("role", "status");
    addEventListener("click", ({ target }) => {
      const button = target.closest("button.copybtn");
      if (!button) return;
      // What copies takes the focus away, and leaves it nowhere.
      button.focus();
      said.textContent = "";
      setTimeout(() => { if (button.matches(".success")) said.textContent = "Copied"; }, 100);
    });
  }

  // An observer asks for no layout of its own, and hears of boxes that a tab or scrolling brings up.
  const scrollable = new ResizeObserver((boxes) => {
    for (const { target } of boxes) {
      if (target.scrollWidth > target.clientWidth) target.tabIndex = 0;
      else target.removeAttribute("tabindex");
    }
  });
  for (const box of document.querySelectorAll("div.highlight pre, .table-wrapper, .diagram")) {
    // Nothing is heard of a long file that was not looked at yet; some of its lines are wide.
    if (box.closest(".long")) box.tabIndex = 0;
    else scrollable.observe(box);
  }
});

// Sphinx marks the words of the search that led here; the page of results itself is where a search begins.
try {
  if (typeof Search === "undefined" && localStorage.getItem("sphinx_highlight_terms")) {
    const script = document.head.appendChild(document.createElement("script"));
    script.src = `${document.documentElement.dataset.content_root}_static/sphinx_highlight.js`;
  }
} catch { /* storage is blocked */ }

// A server refuses an address that is as long as a pasted log; what is behind "#" it does not get.
addEventListener("submit", (event) => {
  const query = event.target.querySelector("input[name=q]")?.value;
  if (query?.length > 1000) {
    event.preventDefault();
    location.href = `${event.target.action.split(/[?#]/)[0]}#q=${encodeURIComponent(query)}`;
  }
});
