// Tables of the strongest sites, and the list of sequences, of which only what is seen exists.

/** An element with text, which is never read as HTML. */
function element(name, text = "", className = "") {
  const found = document.createElement(name);
  found.textContent = text;
  if (className) found.className = className;
  return found;
}

/** Fills a table; `columns` are pairs of a title and a class, rows are texts and where to go. */
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

/** The site as it is written in a table: its position, or its first. */
function siteText(site) {
  const [start, stop] = index.sites[site];
  return stop - start > 1 ? `${start} to ${stop - 1}` : String(start);
}

const ROW = 46;

/** The list of sequences: fixed height, rows are made as they are scrolled to. */
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

/** The sequences that a text finds: by region where it is one, else by a part of their name. */
function found(text) {
  const every = index.names.map((_, entry) => entry);
  const wanted = text.trim().toLowerCase();
  const region = /^(\S+):([\d,]+)(?:-([\d,]+))?$/.exec(wanted);
  const inside = region && index.places ? overlapping(every, region) : [];
  return inside.length ? inside : every.filter((entry) => texts[entry].includes(wanted));
}

function overlapping(every, [, chrom, ...ends]) {
  const [start, stop] = ends.map((text) => text && Number(text.replace(/,/g, "")));
  const { chrom: chroms, start: starts } = index.places;
  return every.filter(
    (entry) =>
      chroms[entry].toLowerCase() === chrom &&
      starts[entry] < (stop || start + 1) &&
      start < starts[entry] + index.length,
  );
}
