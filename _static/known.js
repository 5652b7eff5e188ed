// What of a reader's log is on a page of this guide: the same table and the same rules as `hubcheck.py --log`. Nothing leaves the browser.
addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.known");
  if (!form) return;
  const ALONE = 20; // below so many letters and digits, a line counts only where it stands alone
  const PIECE = 1 << 18;
  const FILE_PIECE = 1 << 20;
  const PAGE = 1 << 20; // so much of a page's text is joined: a browser breaks lines where it likes
  const AROUND = 4000;
  const ANSWERS = 5;
  const LONG = 5_000; // so much text takes a browser's own way of pasting long to put into a field
  const LARGE = 100_000; // and a field with so much in it takes long to draw
  const SHOWN = 2000;
  const BUSY = 12; // milliseconds of work before the page has its turn
  const COLOURS = /(?:\x1b|#033|\^\[)\[[0-9;]*[Km]/g;
  const SPACES = /[ \t\r\xa0]+/g;
  const rows = [];
  const { table, rungs } = JSON.parse(document.getElementById("known").textContent);
  for (const line of table.split("\n")) {
    const [page, rung = "", ...named] = line.split(" ");
    if (/^  [ +] /.test(line)) rows.at(-1).patterns.push(line.slice(4));
    if (line.startsWith("  + ")) rows.at(-1).beside.push(line.slice(4));
    else if (line && line[0] !== " ") rows.push({ page, rung, beside: [], patterns: rung ? (named.length ? named : [page]).map((name) => `Read: ${name}`) : [] });
  }
  const published = new Map();
  for (const { patterns } of rows) for (const pattern of patterns) published.set(pattern, (published.get(pattern) ?? 0) + 1);

  const weight = (pattern) => pattern.replace(/[^A-Za-z0-9]/g, "").length;
  const longest = (parts) => parts.reduce((one, other) => (other.length > one.length ? other : one));
  // [from where, to where] a pattern matches a line, or nothing; in time that grows with the line alone.
  const place = ({ pattern, parts, alone }, line) => {
    let begin = -1;
    let end = 0;
    for (const [number, part] of parts.entries()) {
      const at = alone && number > 0 && number === parts.length - 1 ? line.lastIndexOf(part) : line.indexOf(part, end);
      if (at < end) return null;
      if (begin < 0) begin = at;
      end = at + part.length;
    }
    if (alone) {
      const before = line.slice(0, begin).replace(/ +$/, "");
      const after = line.slice(end).replace(/^ +/, "");
      if (before && !pattern.startsWith("…") && !"]:>".includes(before.at(-1))) return null;
      if (after && !pattern.endsWith("…") && !"(<".includes(after[0])) return null;
    }
    return [begin, end];
  };
  // {pattern: [the first line that matches, from where, to where]} of texts that come in pieces of whole lines.
  const found = async (pieces, current) => {
    const seen = new Map();
    const left = new Map();
    for (const pattern of published.keys()) {
      const parts = pattern.replace(SPACES, " ").split("…").filter(Boolean);
      left.set(pattern, { pattern, parts, alone: weight(pattern) < ALONE, anchor: longest(pattern.split(/…| {2}/)) });
    }
    const sieve = () => new RegExp([...left.values()].map(({ anchor }) => anchor.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|") || "(?!)", "g");
    let likely = sieve();
    let page = "";
    let began = performance.now();
    for await (const piece of pieces) {
      if (!current()) return null;
      let text = piece.replaceAll("\xa0", " ");
      if (["\x1b[", "#033[", "^[["].some((sign) => text.includes(sign))) text = text.replace(COLOURS, "");
      if (page.length < PAGE) page += text.slice(0, PAGE - page.length);
      likely.lastIndex = 0;
      for (let match = likely.exec(text); match; match = likely.exec(text)) {
        const at = match.index;
        const begin = Math.max(text.lastIndexOf("\n", at) + 1, at - AROUND);
        const stop = text.indexOf("\n", at);
        const end = Math.min(stop < 0 ? text.length : stop, at + AROUND);
        const line = text.slice(begin, end).replace(SPACES, " ").replace(/^ | $/g, "");
        const before = left.size;
        for (const [pattern, one] of left) {
          const where = place(one, line);
          if (!where) continue;
          seen.set(pattern, [line, ...where]);
          left.delete(pattern);
        }
        if (left.size < before) likely = sieve();
        likely.lastIndex = Math.max(end, at + 1);
        if (performance.now() - began > BUSY) {
          await new Promise((turn) => setTimeout(turn));
          if (!current()) return null;
          began = performance.now();
        }
      }
      if (performance.now() - began > BUSY) {
        await new Promise((turn) => setTimeout(turn));
        began = performance.now();
      }
    }
    page = page.replace(/\s+/g, " ");
    for (const [pattern, { alone }] of left) {
      if (!alone && page.includes(pattern)) seen.set(pattern, [pattern, 0, pattern.length]);
    }
    return seen;
  };
  // Groups of rows of which the same lines were seen, the likeliest first.
  const answers = (seen) => {
    const groups = new Map();
    for (const row of rows) {
      const hit = row.patterns.filter((pattern) => seen.has(pattern));
      if (hit.every((pattern) => row.beside.includes(pattern))) continue; // such lines many faults write
      const key = [...hit].sort().join("\n");
      if (!groups.has(key)) groups.set(key, { hit, worth: 0, rows: [] });
      const group = groups.get(key);
      group.worth = hit.reduce((sum, pattern) => sum + weight(pattern) / published.get(pattern), 0);
      group.rows.push({ ...row, share: hit.length / row.patterns.length });
    }
    const all = [...groups.values()];
    for (const group of all) group.rows.sort((one, other) => other.share - one.share);
    return all.sort((one, other) => other.worth - one.worth || other.rows[0].share - one.rows[0].share);
  };
  // The rung up to which the check tells rows apart; "" if it names one page for two of them.
  const deciding = (some) => {
    const named = some.flatMap(({ patterns }) => patterns.filter((pattern) => pattern.startsWith("Read: ")));
    if (named.length !== some.length || new Set(named).size !== named.length) return "";
    return rungs.filter((rung) => some.some((row) => row.rung === rung)).at(-1) ?? rungs.at(-1);
  };

  class NoText extends Error {}
  const turns = async function* (text) {
    for (let at = 0; at < text.length; ) {
      const stop = at + PIECE < text.length ? text.indexOf("\n", at + PIECE) : -1;
      const end = Math.min(stop < 0 ? text.length : stop + 1, at + 2 * PIECE);
      yield text.slice(at, end);
      at = end;
    }
  };
  const encoding = (head) => {
    if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
    if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
    let even = 0;
    let odd = 0;
    head.forEach((byte, at) => {
      if (!byte && at % 2) odd += 1;
      else if (!byte) even += 1;
    });
    for (const [few, many, name] of [[even, odd, "utf-16le"], [odd, even, "utf-16be"]]) {
      if (many > (0.4 * head.length) / 2 && few < many / 10) return name;
    }
    return "utf-8";
  };
  const pieces = async function* (file) {
    let decoder;
    let text = "";
    for (let at = 0; at < file.size; at += FILE_PIECE) {
      const bytes = new Uint8Array(await file.slice(at, at + FILE_PIECE).arrayBuffer());
      decoder ??= new TextDecoder(encoding(bytes));
      text += decoder.decode(bytes, { stream: at + FILE_PIECE < file.size });
      if (!at && (text.match(/[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f\ufffd]/g) ?? []).length > 0.3 * text.length) {
        throw new NoText("is no text: unpack it, or let journalctl print it.");
      }
      const cut = text.lastIndexOf("\n") + 1;
      if (cut) {
        yield* turns(text.slice(0, cut));
        text = text.slice(cut);
      } else if (text.length > FILE_PIECE) {
        yield text;
        text = text.slice(-AROUND);
      }
    }
    yield text;
  };

  const [text, chosen] = form.querySelectorAll("textarea, input");
  const status = document.querySelector(".known-status");
  const list = document.querySelector(".known-answers");
  const command = document.querySelector(".known-command");
  const made = (name, ...inside) => {
    const element = document.createElement(name);
    element.append(...inside);
    return element;
  };
  // A link to a page, with the words that this page has for it.
  const link = (page) => {
    const [path, anchor] = page.split("#");
    const file = path.startsWith("troubleshooting/") ? `${path}/index.html` : `${path}.html`;
    const href = new URL(`../${file}${anchor ? `#${anchor}` : ""}`, location.href).href;
    const same = [...document.querySelectorAll("article a.reference")].find((one) => one.href === href && !list.contains(one));
    const element = made("a", same ? same.textContent : page);
    element.href = href;
    return element;
  };
  const shown = ([line, begin, end]) => {
    const mark = made("mark", line.slice(begin, end));
    const [before, after] = [line.slice(Math.max(0, begin - 60), begin), line.slice(end, end + 60)];
    return made("li", made("code", begin > 60 ? `…${before}` : before, mark, after));
  };
  const answer = (seen, { hit, rows: some }) => {
    const item = made("li", made("p", ...some.flatMap(({ page }, at) => [...(at ? [" or "] : []), link(page)])));
    item.append(made("ul", ...hit.map((pattern) => shown(seen.get(pattern)))));
    const rung = some.length > 1 && deciding(some);
    if (rung) {
      const decide = command.cloneNode(true);
      decide.hidden = false;
      decide.querySelector("code").append(` --until ${rung}`);
      item.append(decide);
    } else if (some.length > 1) {
      item.append(made("p", "The check does not tell them apart: look at each."));
    }
    return item;
  };

  let turn = 0;
  const read = async (texts, name) => {
    const mine = ++turn;
    const current = () => mine === turn;
    status.textContent = "Looking…";
    let said;
    let items = [];
    try {
      const seen = await found(texts, current);
      if (!seen) return;
      const all = answers(seen).slice(0, ANSWERS);
      const pages = all.reduce((sum, group) => sum + group.rows.length, 0);
      items = all.map((group) => answer(seen, group));
      said = pages ? `${pages === 1 ? "One page has" : `${pages} pages have`} lines of ${name}, the likeliest first.` : `No line of ${name} is on a page of this guide. To find what fails first, run the check.`;
    } catch (wrong) {
      said = `${name} ${wrong instanceof NoText ? wrong.message : "cannot be read."}`;
    }
    if (!current()) return;
    status.textContent = said;
    list.replaceChildren(...items);
  };
  const nothing = () => {
    turn += 1;
    status.textContent = "";
    list.replaceChildren();
  };
  const typed = () => (text.value.trim() ? read(turns(text.value), "your text") : nothing());
  let waiting;
  text.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(typed, 150);
  });
  text.addEventListener("paste", (event) => {
    const pasted = event.clipboardData.getData("text/plain");
    if (pasted.length < LONG) return undefined;
    event.preventDefault();
    clearTimeout(waiting);
    if (pasted.length < LARGE) {
      text.setRangeText(pasted, text.selectionStart, text.selectionEnd, "end");
      return typed();
    }
    text.value = `${pasted.slice(0, SHOWN)}\n… (all that was pasted is read, and not shown)`;
    return read(turns(pasted), "your text");
  });
  chosen.addEventListener("change", () => {
    const [file] = chosen.files;
    clearTimeout(waiting);
    text.value = "";
    if (!file) return nothing();
    if (!file.size) {
      nothing();
      status.textContent = `There is nothing in ${file.name}.`;
      return undefined;
    }
    return read(pieces(file), file.name);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  document.querySelector(".known-instead").hidden = true;
  // #log=...: a line that the search hands over.
  const taken = () => {
    const log = new URLSearchParams(location.hash.slice(1)).get("log");
    if (!log) return;
    text.value = log;
    form.scrollIntoView();
    typed();
  };
  addEventListener("hashchange", taken);
  taken();
});
