// The site's own search: MiniSearch over the words that lie in search-index.js, and the page of results.
// Where there is a `Search`, Sphinx leaves the words of the query before unmarked.
const Search = (() => {
  // Words of a query that are looked for, and letters of one: more is a log.
  const MOST = 40;
  const LONGEST = 40;
  const SHOWN = 10;
  const EXCERPT = 180;
  // What a page's other words count against those of its text.
  const COMMON = 0.5;
  const CALLED = 0.5;
  const BOOST = { title: 4, headings: 2, names: 5 };

  const stemmer = new Stemmer();
  const split = (text) => text.toLowerCase().replace(/['’]/g, "").match(/[\p{L}\p{N}]+/gu) || [];
  const term = (word) => (stopwords.has(word) ? null : stemmer.stemWord(word));
  const slug = (heading) => heading.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^[-0-9]+|-+$/g, "");

  // What lies in the index: each page with its headings and words, and on how many pages each word is.
  const read = ({ pages, words }) => {
    const made = pages.map(([address, title, names, ...listed], id) => {
      const headings = listed.map(([heading, below, place]) => ({ heading, names: below, place: place || slug(heading) }));
      return { id, address, title, own: names, headings, text: [] };
    });
    for (const line of words.split("\n")) {
      const [word, signs] = line.split("\t");
      for (const sign of signs) {
        const code = sign.charCodeAt(0);
        made[code < 127 ? code - 35 : code - 69].text.push(word);
      }
    }
    return made;
  };
  const pages = read(SEARCHED);
  // Words of most pages, such as "hub", tell little.
  const common = new Set(SEARCHED.common.split(" "));
  const fields = {
    title: (page) => page.title,
    headings: (page) => page.headings.map(({ heading }) => heading).join("\n"),
    names: (page) => [page.own, ...page.headings.map(({ names }) => names)].join("\n"),
    text: (page) => page.text.join(" "),
  };
  const engine = new MiniSearch({
    fields: Object.keys(fields),
    extractField: (page, field) => (field in fields ? fields[field](page) : page[field]),
    // The words of the text are in the index as the build has stemmed them.
    tokenize: (text, field) => (field === "text" ? text.split(" ") : split(text)),
    processTerm: (word, field) => (field === "text" ? word : term(word)),
  });
  engine.addAll(pages);

  // How many pages have a word, by itself; a word that none has may be misspelt.
  const known = new Map();
  const pagesWith = (word) => {
    if (!known.has(word)) known.set(word, engine.search(word, { tokenize: (text) => [text], processTerm: (text) => text }).length);
    return known.get(word);
  };
  // What an unknown word may be: two letters of it have changed places, or it is two words here, such as "time zone".
  const mended = (word) => {
    for (let at = 1; at < word.length; at++) {
      const swapped = term(word.slice(0, at - 1) + word[at] + word[at - 1] + word.slice(at + 1));
      if (swapped && pagesWith(swapped)) return [swapped];
    }
    for (let at = 3; at < word.length - 2; at++) {
      const halves = [term(word.slice(0, at)), term(word.slice(at))];
      if (halves.every((half) => half && pagesWith(half))) return halves;
    }
    return [term(word)];
  };
  // The words of a query, as the index has them; two of them may be one there, such as "log in".
  const asked = (query) => {
    const words = split(query.slice(0, 10_000)).filter((word) => word.length <= LONGEST).slice(0, 10 * MOST);
    const found = new Set();
    words.forEach((word, at) => {
      const joined = at + 1 < words.length && term(word + words[at + 1]);
      if (joined && pagesWith(joined)) found.add(joined);
      const one = term(word);
      if (one) (word.length > 3 && !pagesWith(one) ? mended(word) : [one]).forEach((part) => found.add(part));
    });
    return [...found].slice(0, MOST);
  };

  // What a page is called, as sets of words, and how much of a query the longest of those that the query holds whole is.
  for (const page of pages) {
    const called = [page.title, ...page.own.split(", "), ...page.headings.flatMap(({ heading, names }) => [heading, ...names.split(", ")])];
    page.called = called.map((name) => [...new Set(split(name).map(term).filter(Boolean))]).filter((name) => name.length);
  }
  const calledBy = (page, words) => Math.max(0, ...page.called.filter((name) => name.every((word) => words.has(word))).map((name) => name.length)) / words.size;

  // The best heading of a page for the words that it was found by, if its title has fewer of them.
  const headingFor = (page, words) => {
    const count = (text) => new Set(split(text).map(term).filter((word) => words.has(word))).size;
    const own = count(`${page.title} ${page.own}`);
    let best = null, most = own;
    for (const one of page.headings) {
      const has = count(`${one.heading} ${one.names}`);
      if (has > most) [best, most] = [one, has];
    }
    return best;
  };

  // The pages for a query, the best first: { address, title, heading, words }. A word that a page lacks costs rank.
  const find = (query) => {
    const words = asked(query);
    if (!words.length) return [];
    const all = new Set(words);
    return engine
      .search(words.join(" "), {
        tokenize: (text) => text.split(" "),
        processTerm: (word) => word,
        boost: BOOST,
        boostTerm: (word) => (common.has(word) ? COMMON : 1),
        prefix: (word) => word.length > 3,
        fuzzy: (word) => (pagesWith(word) || word.length < 5 || /\d/.test(word) ? 0 : word.length < 8 ? 1 : 2),
      })
      .map(({ id, terms, score }) => {
        const page = pages[id], has = new Set(terms), best = headingFor(page, has);
        const place = best ? `#${best.place}` : "";
        score *= 1 + CALLED * calledBy(page, all);
        return { address: page.address + place, page: page.address, title: page.title, heading: best?.heading, place: best?.place, words: has, score };
      })
      .sort((one, other) => other.score - one.score);
  };
  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text) made.textContent = text;
    return made;
  };

  // A text with the words that were found in it marked.
  const marked = (text, words) => {
    const made = element("p", "excerpt");
    for (const part of text.split(/([\p{L}\p{N}]+)/u)) {
      made.append(words.has(term(part.toLowerCase())) ? element("mark", "", part) : part);
    }
    return made;
  };

  // The piece of a page, below a heading if one was found, that has the most of the words; rare words count more.
  const weight = (word) => 1 / (1 + pagesWith(word));
  const excerpt = (found, { place, words }) => {
    const below = (place && found.getElementById(place)) || found.querySelector("article");
    let best = "", most = -1;
    for (const block of below.querySelectorAll("p, li, dt, dd, td, pre")) {
      const text = block.textContent.replace(/\s+/g, " ").trim();
      const has = new Set(split(text).map(term).filter((word) => words.has(word)));
      let worth = [...has].reduce((sum, word) => sum + weight(word), 0);
      if (block.matches(".also-called")) worth /= 1000;
      if (text.length > 20 && worth > most) [best, most] = [text, worth];
    }
    const at = Math.max(0, [...best.matchAll(/[\p{L}\p{N}]+/gu)].find(([word]) => words.has(term(word.toLowerCase())))?.index ?? 0);
    const from = at < EXCERPT / 2 ? 0 : best.indexOf(" ", at - EXCERPT / 3) + 1;
    const cut = best.slice(from, from + EXCERPT);
    return (from ? "… " : "") + (best.length > from + EXCERPT ? `${cut.replace(/\s\S*$/, "")} …` : cut);
  };
  const pagesRead = new Map();
  const readPage = (address) => {
    if (!pagesRead.has(address)) {
      const read = fetch(address).then((answer) => (answer.ok ? answer.text() : ""));
      pagesRead.set(address, read.then((text) => new DOMParser().parseFromString(text, "text/html")));
    }
    return pagesRead.get(address);
  };

  const shownResult = (found) => {
    const row = element("li");
    const link = row.appendChild(element("a", "", found.title));
    link.href = found.address;
    if (found.heading) link.append(element("span", "below", ` › ${found.heading}`));
    const words = row.appendChild(element("p", "excerpt"));
    // Pages that are opened from a disk cannot be read by a script.
    if (location.protocol !== "file:") {
      readPage(found.page).then((page) => words.replaceWith(marked(excerpt(page, found), found.words))).catch(() => {});
    }
    return row;
  };

  // Quotes, or what logs are made of: such a line is looked for among the errors.
  const isLine = (query) => query.length > 80 || /^["“'].+["”']$|"[^"]+\s[^"]+"/.test(query) || (/[[\]{}<>=|\\]|\w\/\w|\d\d:\d\d|\w:\s|\w\(/.test(query) && /\S\s+\S/.test(query));

  const show = (query) => {
    const out = document.getElementById("search-results");
    const said = document.getElementById("search-count");
    const results = find(query);
    const list = element("ol");
    const more = element("button", "", "Show more");
    const add = () => {
      const rows = results.slice(list.children.length, list.children.length + SHOWN).map(shownResult);
      list.append(...rows);
      more.hidden = list.children.length === results.length;
      return rows[0];
    };
    if (isLine(query)) {
      const line = out.appendChild(element("p", "search-line")).appendChild(element("a", "", "Look for this line among the errors"));
      line.href = `troubleshooting/index.html#log=${encodeURIComponent(query.replace(/^["“]|["”]$/g, ""))}`;
    }
    if (results.length) {
      add();
      more.type = "button";
      more.addEventListener("click", () => add().querySelector("a").focus());
      out.append(list, more);
    }
    const short = query.length > 60 ? `${query.slice(0, 60)}…` : query;
    if (results.length) said.textContent = `${results.length === 1 ? "One page" : `${results.length} pages`} for “${short}”, the best first.`;
    else if (asked(query).length) said.textContent = `No page has a word of “${short}”. Try another word for it.`;
    else said.textContent = "Type a word to look for: a directive, a number, or what you see.";
    // Sphinx marks these words on the page that is opened next; it fails where a word is in the title of a symbol.
    const titles = [...document.querySelectorAll("svg title")].map((title) => title.textContent.toLowerCase()).join("\n");
    const marks = split(query).filter((word) => word.length > 2 && !stopwords.has(word) && !titles.includes(word));
    try { localStorage.setItem("sphinx_highlight_terms", marks.slice(0, MOST).join(" ")); } catch { /* storage is blocked */ }
  };

  const query = new URLSearchParams(location.search).get("q");
  if (query !== null) {
    for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
    if (query.trim()) show(query.trim());
  }
  return { find };
})();
