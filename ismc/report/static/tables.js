// Tables of the strongest sites, and the list of sequences, which renders only its visible rows.

/** An element with text, which is never parsed as HTML. */
function element(name, text = "", className = "") {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

/** Fills a table; `titles` are pairs of a title and a class, rows have cells and a target for `go`. */
function fillTable(table, titles, rows, go) {
  const head = element("tr");
  titles.forEach(([title, kind]) => head.append(element("th", title, kind)));
  const body = element("tbody");
  for (const { cells, target } of rows) {
    const row = element("tr");
    cells.forEach((cell, i) => row.append(element("td", cell, titles[i][1])));
    cells.forEach((cell, i) => (row.children[i].title = cell));
    row.tabIndex = 0;
    row.addEventListener("click", () => go(target));
    row.addEventListener("keydown", (event) => event.key === "Enter" && go(target));
    body.append(row);
  }
  const top = element("thead");
  top.append(head);
  table.replaceChildren(top, body);
}

/** A site as text: its position, or its first and last. */
function siteText(site) {
  const [start, stop] = index.sites[site];
  return stop - start > 1 ? `${start} to ${stop - 1}` : String(start);
}

const ROW = 46; // pixels

/** The list of sequences; its rows are created when they scroll into view. */
class List {
  constructor(box, rows, go) {
    Object.assign(this, { box, rows, go, entries: [], chosen: -1 });
    box.addEventListener("scroll", () => this.render());
    new ResizeObserver(() => this.render()).observe(box);
  }

  show(entries) {
    this.entries = entries;
    this.rows.style.height = `${entries.length * ROW}px`;
    this.render();
  }

  choose(entry) {
    this.chosen = entry;
    const top = this.entries.indexOf(entry) * ROW;
    const { scrollTop, clientHeight } = this.box;
    if (top >= 0 && (top < scrollTop || top + ROW > scrollTop + clientHeight))
      this.box.scrollTop = Math.max(0, top - clientHeight / 2);
    this.render();
  }

  render() {
    const from = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 3);
    const to = from + Math.ceil(this.box.clientHeight / ROW) + 6;
    this.rows.replaceChildren(
      ...this.entries.slice(from, to).map((entry, i) => {
        const row = element("div", "", entry === this.chosen ? "row chosen" : "row");
        row.style.top = `${(from + i) * ROW}px`;
        row.setAttribute("role", "option");
        row.setAttribute("aria-selected", entry === this.chosen);
        const name = index.names[entry];
        row.append(element("b", name), element("span", placeOf(entry) || `record ${entry}`));
        row.title = name;
        row.addEventListener("click", () => this.go(entry));
        return row;
      }),
    );
  }
}

const texts = index.names.map((name, entry) => `${name} ${placeOf(entry)}`.toLowerCase());

/** The sequences that overlap a region such as `chr1:1000-2000`, or whose name contains a text. */
function search(text) {
  const entries = index.names.map((_, entry) => entry);
  const query = text.trim().toLowerCase();
  const region = /^(\S+):([\d,]+)(?:-([\d,]+))?$/.exec(query);
  const inside = region && index.places ? overlapping(entries, region) : [];
  return inside.length ? inside : entries.filter((entry) => texts[entry].includes(query));
}

/** The entries that overlap a parsed region. */
function overlapping(entries, [, chrom, ...ends]) {
  const [start, stop] = ends.map((text) => text && Number(text.replace(/,/g, "")));
  const { chrom: chroms, start: starts } = index.places;
  return entries.filter(
    (entry) =>
      chroms[entry].toLowerCase() === chrom &&
      starts[entry] < (stop || start + 1) &&
      start < starts[entry] + index.length,
  );
}
