// The site's own search: pages ranked by the words in search-index.js, and the page of results.
// Because there is a `Search`, Sphinx does not mark the words of the query before on this page.
const Search = (() => {
  // Of a query: words, and letters of one.
  const MOST = 40, LONGEST = 40;
  // Results at a time, and letters of an excerpt.
  const SHOWN = 10, EXCERPT = 180;
  // What words count by where they are.
  const FIELDS = { title: 4, headings: 2, names: 5, text: 1 };
  // What counts less: the beginning of a word, one spelt nearly so; and what a whole name adds.
  const PREFIX = 0.375, FUZZY = 0.45, CALLED = 0.5;
  // BM25's usual numbers.
  const K = 1.2, B = 0.7, D = 0.5;

  const stemmer = new Stemmer();
  const split = (text) => text.toLowerCase().replace(/['’]/g, "").match(/[\p{L}\p{N}]+/gu) || [];
  const term = (word) => (stopwords.has(word) ? null : stemmer.stemWord(word));
  // docutils' make_id.
  const slug = (heading) => {
    const plain = heading.toLowerCase().normalize("NFKD").replace(/[^\0-\x7f]/g, "");
    return plain.replace(/[^a-z0-9]+/g, "-").replace(/^[-0-9]+|-+$/g, "");
  };

  // What lies in the index: each page with its headings, and what each word is found by.
  const pages = SEARCHED.pages.map(([address, title, names, ...listed]) => ({
    address, title, own: names,
    headings: listed.map(([heading, below, place]) => ({ heading, names: below, place: place || slug(heading) })),
  }));
  // Words that very many pages have, such as "hub": the index does not say which.
  const common = new Set(SEARCHED.common.split(" "));
  // A word leads to how often it is in each field of a page: { field: Map(page => times) }.
  const index = new SearchableMap();
  const length = Object.fromEntries(Object.keys(FIELDS).map((field) => [field, pages.map(() => 0)]));
  const add = (word, field, page) => {
    if (!word) return;
    const places = index.fetch(word, () => ({}));
    const times = (places[field] ??= new Map());
    if (!times.has(page)) length[field][page]++;
    times.set(page, (times.get(page) || 0) + 1);
  };
  // A line begins with how many letters its word has from the one before; of each page it tells how many lie between.
  const places = SEARCHED.places.split("\n");
  let word = "";
  SEARCHED.words.split("\n").forEach((line, at) => {
    word = word.slice(0, parseInt(line[0], 36)) + line.slice(1);
    let page = -1;
    for (const sign of places[at]) {
      const code = sign.charCodeAt(0);
      page += 1 + (code < 127 ? code - 35 : code - 69);
      add(word, "text", page);
    }
  });
  pages.forEach((page, number) => {
    const put = (field, texts) => split(texts.join(" ")).forEach((word) => add(term(word), field, number));
    put("title", [page.title]);
    put("headings", page.headings.map(({ heading }) => heading));
    put("names", [page.own, ...page.headings.map(({ names }) => names)]);
  });
  const mean = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  const average = Object.fromEntries(Object.entries(length).map(([field, lengths]) => [field, mean(lengths)]));

  // On how many pages a word is, by itself.
  const pagesWith = (word) => new Set(Object.values(index.get(word) ?? {}).flatMap((times) => [...times.keys()])).size;

  // What an unknown word may be: two letters changed places, or two words here, such as "time zone".
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
    const words = split(query.slice(0, 10_000)).filter((word) => word.length <= LONGEST).slice(0, 3 * MOST);
    const found = new Set();
    words.forEach((word, at) => {
      const joined = at + 1 < words.length && term(word + words[at + 1]);
      if (joined && pagesWith(joined)) found.add(joined);
      const one = term(word);
      if (one) (word.length > 3 && !pagesWith(one) ? mended(word) : [one]).forEach((part) => found.add(part));
    });
    return [...found].slice(0, MOST);
  };

  // The share of a query's words in the longest name that it holds whole.
  for (const page of pages) {
    const below = page.headings.flatMap(({ heading, names }) => [heading, ...names.split(", ")]);
    page.called = [page.title, ...page.own.split(", "), ...below].map((name) => [...new Set(split(name).map(term).filter(Boolean))]);
  }
  const calledBy = (page, words) => {
    const whole = page.called.filter((name) => name.every((word) => words.has(word)));
    return Math.max(0, ...whole.map((name) => name.length)) / words.size;
  };

  // A page's best heading for its found words, if its title has fewer of them.
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

  // The index's words that a word may mean, with what each counts: itself, those that begin with it, and, if the
  // index does not have it, those that are spelt nearly the same.
  const meant = (word) => {
    const found = new Map();
    const put = (other, share, off) => found.set(other, Math.max(found.get(other) || 0, (share * other.length) / (other.length + off)));
    if (word.length > 3) for (const other of index.atPrefix(word).keys()) put(other, PREFIX, 0.3 * (other.length - word.length));
    if (index.has(word)) found.set(word, 1);
    else if (word.length > 4 && !/\d/.test(word)) {
      for (const [other, [, off]] of index.fuzzyGet(word, word.length < 8 ? 1 : 2)) put(other, FUZZY, off);
    }
    return found;
  };

  // Adds to each page's worth (Okapi BM25, by field), and to its found words.
  const weigh = (word, share, into) => {
    const many = common.has(word) ? pages.length / 2 : pagesWith(word);
    const rare = Math.log(1 + (pages.length - many + 0.5) / (many + 0.5));
    for (const [field, times] of Object.entries(index.get(word))) {
      for (const [page, often] of times) {
        const size = 1 - B + (B * length[field][page]) / average[field];
        const one = into.get(page) || into.set(page, { score: 0, words: new Set() }).get(page);
        one.score += FIELDS[field] * share * rare * (D + (often * (K + 1)) / (often + K * size));
        one.words.add(word);
      }
    }
  };

  // The pages for a query, the best first. A word that a page lacks costs rank.
  const find = (query) => {
    const words = asked(query), all = new Set(words), found = new Map();
    for (const word of words) {
      const here = new Map();
      for (const [other, share] of meant(word)) weigh(other, share, here);
      for (const [page, { score, words: by }] of here) {
        const one = found.get(page) || found.set(page, { score: 0, met: 0, words: new Set() }).get(page);
        one.score += score;
        one.met++;
        for (const each of by) one.words.add(each);
      }
    }
    return [...found]
      .map(([number, { score, met, words: has }]) => {
        const page = pages[number], best = headingFor(page, has);
        return {
          page: page.address, address: page.address + (best ? `#${best.place}` : ""), place: best?.place,
          title: page.title, heading: best?.heading, words: has, score: score * met * (1 + CALLED * calledBy(page, all)),
        };
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

  // The piece of a page, below a heading if one was found, with most of the words; rare ones count more.
  const weight = (word) => 1 / (1 + pagesWith(word));
  const excerpt = (found, { place, words }) => {
    const section = place && found.getElementById(place);
    const below = (section?.matches("dt") ? section.nextElementSibling : section) || found.querySelector("article");
    let best = "", most = -1;
    for (const block of below.querySelectorAll("p, li, dt, dd, td, pre")) {
      const text = block.textContent.replace(/\s+/g, " ").trim();
      const has = new Set(split(text).map(term).filter((word) => words.has(word)));
      let worth = [...has].reduce((sum, word) => sum + weight(word), 0);
      if (block.matches("pre")) worth /= 2;
      if (block.matches(".also-called")) worth /= 1000;
      if (text.length > 20 && worth > most) [best, most] = [text, worth];
    }
    const at = Math.max(0, [...best.matchAll(/[\p{L}\p{N}]+/gu)].find(([word]) => words.has(term(word.toLowerCase())))?.index ?? 0);
    const from = at < EXCERPT / 2 ? 0 : best.indexOf(" ", at - EXCERPT / 3) + 1;
    const cut = best.slice(from, from + EXCERPT);
    return (from ? "… " : "") + (best.length > from + EXCERPT ? `${cut.replace(/\s\S*$/, "")} …` : cut);
  };
  const readPage = (address) => fetch(address)
    .then((answer) => answer.text())
    .then((text) => new DOMParser().parseFromString(text, "text/html"));

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

  // Whether a query is a copied line: in quotes, long, or of several words with the signs that logs have.
  const QUOTED = /^["“].+["”]$|"\S+\s[^"]*"/, SIGN = /[[\]{}<>=|\\(]|\w\/\w|\d:\d\d|\w:\s/;
  const isLine = (query) => query.length > 80 || QUOTED.test(query) || (SIGN.test(query) && /\s/.test(query));

  const show = (query) => {
    const out = document.getElementById("search-results");
    const said = document.getElementById("search-count");
    const results = find(query);
    out.replaceChildren();
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
      line.href = `troubleshooting/index.html#log=${encodeURIComponent(query.replace(/^["“]([^"“”]*)["”]$/, "$1"))}`;
    }
    if (results.length) {
      add();
      more.type = "button";
      more.addEventListener("click", () => add().querySelector("a").focus());
      out.append(list, more);
    }
    if (results.length) said.textContent = results.length === 1 ? "One page." : `${results.length} pages, the best first.`;
    else if (split(query).some((word) => term(word))) said.textContent = "No page has these words. Try other words for the same thing.";
    else said.textContent = "Type a word to look for: a directive, a number, or what you see.";
    // Sphinx marks these words on the next page; it fails where a word is in a symbol's title.
    const titles = [...document.querySelectorAll("svg title")].map((title) => title.textContent.toLowerCase()).join("\n");
    const marks = split(query).filter((word) => word.length > 2 && !stopwords.has(word) && !titles.includes(word));
    try { localStorage.setItem("sphinx_highlight_terms", marks.slice(0, MOST).join(" ")); } catch { /* storage is blocked */ }
  };

  // What is too long for the address of a request comes behind "#": see site.js.
  let begun = null;
  const begin = () => {
    const query = new URLSearchParams(location.search).get("q") ?? new URLSearchParams(location.hash.slice(1)).get("q");
    // "Skip to content" changes the hash too: answers and their focus stay.
    if (query === null || query === begun) return;
    begun = query;
    for (const field of document.querySelectorAll("input[name=q]")) field.value = query;
    if (query.trim()) show(query.trim());
  };
  addEventListener("hashchange", begin);
  begin();
  return { find };
})();
