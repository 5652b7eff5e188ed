// The reader's own values in the place of the examples: in every text of the page, and so in what is copied, and in
// what is downloaded. They stay in this browser; a link's hold in one tab, until its reader keeps them.
// EXAMPLES comes from snippets/manifest.toml, by _ext/values.py.
(() => {
  const KEY = "metakernel-guide.values";
  const { values: examples, fields, forms } = EXAMPLES;
  const names = Object.keys(fields);
  const whole = Object.fromEntries(names.map((name) => [name, new RegExp(`^(?:${fields[name].pattern})$`)]));

  // What is wrong with a value, in words; "" if nothing is. `others` are the values beside it.
  const complaint = (name, value, others) => {
    if (typeof value !== "string") return "A text is needed.";
    const { unlike, refusals } = fields[name];
    const same = unlike && value === others[unlike];
    if (whole[name].test(value) && !value.includes("\n") && !same) return "";
    return refusals.find(([sign]) => new RegExp(sign).test(value))[1];
  };
  // The usable ones among values, the examples for the rest.
  const usable = (offered) => {
    const taken = { ...examples };
    for (const name of names) {
      if (Object.hasOwn(offered, name) && !complaint(name, offered[name], taken)) taken[name] = offered[name];
    }
    return taken;
  };
  // What one of the browser's two stores holds; nothing if it is empty, blocked or damaged.
  const kept = (where) => {
    try {
      const read = JSON.parse(window[where].getItem(KEY));
      return read && typeof read === "object" ? usable(read) : null;
    } catch {
      return null;
    }
  };
  const store = (where, what) => {
    try {
      if (what) window[where].setItem(KEY, JSON.stringify(what));
      else window[where].removeItem(KEY);
    } catch {
      /* storage is blocked: they hold for this page */
    }
  };
  const differ = (one, other) => names.some((name) => one[name] !== other[name]);
  let own = kept("localStorage") ?? { ...examples };
  let lent = kept("sessionStorage"); // a link's, in the place of the reader's own
  let values = lent ?? own;
  const keep = () => {
    if (lent) lent = values;
    else own = values;
    if (!lent) store("localStorage", own);
    store("sessionStorage", lent);
  };

  // An example is one where it stands for itself: not in the middle of a longer name. A dot and a letter make a path one, such as
  // that of jupyter.slice; after my_kernel they are the ending of a file.
  const shapes = Object.fromEntries(forms.map(({ text, shows }) => [text, shows]));
  const bounded = (text) =>
    (/^\w/.test(text) ? "(?<![A-Za-z0-9_-])" : text[0] === "/" ? "(?<![A-Za-z_.}-])" : "") +
    text.replace(/[.^$/]/g, "\\$&") +
    (/\w$/.test(text) ? `(?![A-Za-z0-9_-]|\\.${text[0] === "/" ? "[a-z0-9]" : "\\d"})` : "");
  const example = new RegExp(Object.keys(shapes).sort((a, b) => b.length - a.length).map(bounded).join("|"), "g");
  const shown = (text) => {
    const words = values.kernel.split("_").map((word) => word[0].toUpperCase() + word.slice(1));
    const all = { ...values, path: values.base_url.slice(0, -1), port: values.hub.split(":")[1], title: words.join(" "), name: words.join("") };
    // The path of a hub at the root is "/" where it stands alone.
    return shapes[text].replace(/\{(\w+)\}/g, (_, name) => all[name]) || "/";
  };

  // Give each example on the page an element of its own, also where it is coloured in several pieces.
  const wrap = (texts) => {
    const starts = [];
    let all = "";
    for (const text of texts) {
      starts.push(all.length);
      all += text.data;
    }
    for (const found of [...all.matchAll(example)].reverse()) {
      const end = found.index + found[0].length;
      for (let at = texts.length - 1; at >= 0; at -= 1) {
        const from = Math.max(found.index - starts[at], 0);
        const to = Math.min(end - starts[at], texts[at].length);
        if (from >= to) continue;
        const piece = texts[at].splitText(from);
        if (to - from < piece.length) piece.splitText(to - from);
        if (found.index < starts[at]) {
          piece.remove();
        } else {
          const element = document.createElement("span");
          element.className = "value";
          element.dataset.example = found[0];
          element.textContent = found[0];
          piece.replaceWith(element);
        }
      }
    }
  };
  const textsOf = (root, refuse) => {
    const texts = [];
    // Asking about each of a file's thousands of tokens would take long.
    const plain = !root.querySelector(refuse) && document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const walker = plain || document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, (node) => {
      if (node.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
      return node.matches(refuse) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
    });
    while (walker.nextNode()) texts.push(walker.currentNode);
    return texts;
  };
  const APART = "script, style, svg, form, textarea, .value";
  const wrapAll = (root) => {
    for (const code of root.querySelectorAll("pre, code")) if (!code.closest(APART)) wrap(textsOf(code, APART));
    for (const text of textsOf(root, `${APART}, pre, code`)) wrap([text]);
  };

  const say = (words) => {
    const status = document.querySelector(".values [role=status]");
    if (status) status.textContent = words;
  };
  const told = (input, words) => {
    input.setAttribute("aria-invalid", String(Boolean(words)));
    const wrong = document.getElementById(`${input.id}-wrong`);
    // What is written anew is read out anew.
    if (wrong.textContent !== words) wrong.textContent = words;
  };
  const show = () => {
    for (const element of document.querySelectorAll(".value")) {
      element.textContent = shown(element.dataset.example);
      element.classList.toggle("own", element.textContent !== element.dataset.example);
    }
    for (const input of document.querySelectorAll(".values input")) {
      // What is being typed stays as it is, and so does what is refused.
      if (input !== document.activeElement && input.getAttribute("aria-invalid") !== "true") input.value = values[input.name];
    }
    for (const button of document.querySelectorAll(".values-back, .values-keep")) button.hidden = !lent;
    const summary = document.querySelector(".values summary");
    if (summary) summary.firstChild.data = lent ? "A link's values: " : "Your values: ";
    dispatchEvent(new Event("values"));
  };
  const take = (next, words) => {
    values = next;
    keep();
    for (const input of document.querySelectorAll(".values input")) {
      input.value = values[input.name];
      told(input, "");
    }
    show();
    say(words);
  };

  const LENT = "These values came with the link that you opened. They hold in this tab, until you keep them.";
  // #host=hub.example.org&base_url=/hub/: a colleague's values. A page without the form could not say that they are there.
  const follow = () => {
    const box = document.querySelector(".values");
    if (!box) return;
    const parts = new URLSearchParams(location.hash.slice(1));
    const offered = Object.fromEntries([...parts].filter(([name]) => names.includes(name)));
    if (!Object.keys(offered).length) return;
    const next = usable({ ...values, ...offered });
    const refused = Object.keys(offered).filter((name) => next[name] !== offered[name]);
    // What is refused leaves the reader's own in its place.
    for (const name of refused) next[name] = values[name];
    history.replaceState(null, "", location.pathname + location.search);
    const words = [];
    if (differ(next, values)) {
      lent = differ(own, examples) && differ(own, next) ? next : null;
      take(next, "");
      words.push(lent ? LENT : "These values came with the link that you opened.");
    }
    if (refused.length) words.push(`Not usable in the link: ${refused.map((name) => fields[name].label).join(", ")}.`);
    if (words.length) say(words.join(" "));
    box.open = true;
  };

  const link = () => {
    const own = new URLSearchParams(names.filter((name) => values[name] !== examples[name]).map((name) => [name, values[name]]));
    const tab = document.querySelector(".sphinx-tabs-tab.group-tab[aria-selected=true]");
    const query = tab ? `?${new URLSearchParams({ tab: tab.textContent.trim().toLowerCase() })}` : "";
    return `${location.href.split(/[?#]/)[0]}${query}#${own}`;
  };

  const enliven = (form) => {
    form.addEventListener("input", ({ target }) => {
      // What is pasted often ends with a space, which nobody sees.
      if (/^\s|\s$/.test(target.value)) target.value = target.value.trim();
      // All fields, since one may be refused because of another, which stands before it.
      const next = { ...values };
      for (const input of form.elements) {
        if (!input.name) continue;
        const words = complaint(input.name, input.value, next);
        told(input, words);
        if (!words) next[input.name] = input.value;
      }
      // What stays in the place of a refused value may be what another field has now.
      for (const name of names) {
        const { unlike } = fields[name];
        if (!unlike || next[name] !== next[unlike]) continue;
        next[unlike] = values[unlike];
        told(form.elements[unlike], `Another file than the ${fields[name].label.toLowerCase()}.`);
      }
      values = next;
      keep();
      show();
      say(form.querySelector("[aria-invalid=true]") ? "What is refused is not used: the value before it stays." : lent ? "Held for this tab. Your own values stay as they are." : "Kept in this browser, for every page.");
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      lent = null;
      take({ ...examples }, "The pages show the example values.");
    });
    for (const [name, words] of [["back", "Your own values are back."], ["keep", "Kept in this browser, for every page."]]) {
      form.querySelector(`.values-${name}`).addEventListener("click", () => {
        lent = null;
        take(name === "back" ? own : values, words);
        // The button is no longer there.
        form.closest("details").querySelector("summary").focus();
      });
    }
    form.querySelector(".values-link").addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(link());
        say("The link is copied.");
      } catch {
        say(`The link: ${link()}`);
      }
    });
  };

  addEventListener("DOMContentLoaded", () => {
    wrapAll(document.body);
    const form = document.querySelector(".values form");
    if (form) enliven(form);
    for (const link of document.querySelectorAll(".archive-link")) link.textContent += " with your values";
    if (lent && form) {
      form.parentElement.open = true;
      say(LENT);
    }
    follow();
    show();
  });
  addEventListener("hashchange", follow);
  addEventListener("storage", (event) => {
    if (event.key !== KEY && event.key !== null) return;
    own = kept("localStorage") ?? { ...examples };
    if (lent) return;
    values = own;
    show();
  });
  // A download holds what is shown: the block below the offer, or the file with the values in it. The name of a text without an
  // ending would get one from the browser.
  const hand = (content, name, type = "application/octet-stream") => {
    const address = URL.createObjectURL(new Blob([content], { type }));
    Object.assign(document.createElement("a"), { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  const fetched = async (address) => {
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.text();
  };
  document.addEventListener("click", async (event) => {
    const offer = event.target.closest("a.download");
    if (!offer || !differ(values, examples)) return;
    event.preventDefault();
    const name = decodeURIComponent(offer.getAttribute("href").split("/").pop());
    const block = offer.closest(".literal-block-wrapper")?.querySelector("pre");
    try {
      hand(block ? block.textContent : (await fetched(offer.href)).replace(example, shown), name);
    } catch {
      const box = document.querySelector(".values");
      // Without a form there is no place to say anything: the reader gets what the link leads to.
      if (!box) Object.assign(document.createElement("a"), { href: offer.href, download: name }).click();
      else box.open = true;
      say("From this place the file cannot be filled in. Copy it from its page: there it holds your values.");
    }
  });

  document.addEventListener("click", async (event) => {
    const offer = event.target.closest(".archive-link");
    if (!offer) return;
    const status = document.querySelector(".archive-status");
    const refused = [...document.querySelectorAll(".values input[aria-invalid=true]")].map(({ name }) => name);
    const kept = refused.map((name) => `${fields[name].label}: ${values[name]}`).join(", ");
    const words = refused.length ? `What the form refuses is not in the archive. In its place: ${kept}. ` : "";
    status.textContent = words;
    if (!differ(values, examples)) return;
    event.preventDefault();
    try {
      const { give } = await import("./archive.js");
      status.textContent = words + (await give(offer, (text) => text.replace(example, shown), hand));
    } catch {
      status.textContent = "From this place the archive cannot be filled in. Read the guide at its address, or from a web server of your own.";
    }
  });
})();
