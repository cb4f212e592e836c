// What is looked at, and what changes it: the list, tables, keys, the address.

const $ = (id) => document.getElementById(id);
const FLANK = 25; // positions on either side of a site that a table jumps to
const state = { entry: 0, track: 0, kind: "", shared: false, from: first, to: last, marked: null };
const list = new List($("list"), $("rows"), (entry) => visit({ entry }));
const MEANINGS = {
  contribution: "Contribution: the score of the letter that is there minus the mean of all four.",
  importance: "Importance: sqrt(sum d^2 / 3), d the differences from the letter that is there.",
};
let sequence = null; // the only one that is decoded
let wanted = 0; // the latest visit; earlier ones that are late are dropped

/** Looks at a sequence, and at some of its positions, all by default; a site may be marked. */
async function visit({ entry = state.entry, track = state.track, from = first, to = last, marked = null }) {
  const own = (wanted += 1);
  const there = sequence && sequence.entry === entry ? sequence : await decoded(entry);
  if (own !== wanted) return;
  sequence = there;
  const [a, b] = [Math.max(first, from), Math.min(last, to)];
  Object.assign(state, { entry, track, marked }, a < b ? { from: a, to: b } : { from: first, to: last });
  $("track").value = track;
  await draw(sequence, state);
  showHead();
  showTables();
  showWindow();
  $("meaning").textContent = MEANINGS[state.kind];
  list.choose(entry);
}

/** Draws what is looked at once more, after an option has changed. */
function again() {
  return visit({ from: state.from, to: state.to, marked: state.marked });
}

/** A site in the middle, with its neighbours. */
function jump({ entry, site }) {
  const [start, stop] = index.sites[site];
  return visit({ entry, from: start - FLANK, to: stop + FLANK, marked: site });
}

function showHead() {
  const { entry, track } = state;
  const place = placeOf(entry);
  const length = `${index.length.toLocaleString("en")} letters`;
  const number = `record ${entry} of ${index.names.length.toLocaleString("en")}, counted from 0`;
  const values = index.predictions[entry][track].map(shown).join(", ");
  $("name").textContent = index.names[entry];
  $("place").textContent = [place, length, number].filter(Boolean).join(" · ");
  $("prediction").textContent = values ? `${index.tracks[track]}\nprediction ${values}` : index.tracks[track];
}

function showTables() {
  const { entry, track } = state;
  const own = sequence.strongest(track).map(([site, letter]) => {
    const there = sequence.there(index.sites[site]);
    const written = LETTERS[letter].repeat(there.length);
    const score = sequence.score(track, site, letter);
    return { cells: [siteText(site), `${there}>${written}`, shown(score)], target: { entry, site } };
  });
  const all = index.strongest[track].map(([other, site, change, score]) => ({
    cells: [index.names[other], siteText(site), change, shown(score)],
    target: { entry: other, site },
  }));
  const titles = [["position", "number"], ["change", ""], [index.score, "number"]];
  fillTable($("own"), titles, own, jump);
  if ($("all").shownTrack === track) return;
  fillTable($("all"), [["sequence", ""], ...titles], all, jump);
  $("all").shownTrack = track;
}

/** Tells which positions are seen, and writes them into the address. */
function showWindow() {
  const [from, to] = [Math.round(state.from), Math.round(state.to)];
  const place = placeOf(state.entry, from, to);
  const { step } = seen(state, pixels());
  const coarse = step > 1 && `each column is the largest of ${step} positions`;
  const parts = [`positions ${from} to ${to - 1}`, place, coarse];
  $("window").textContent = parts.filter(Boolean).join(" · ");
  $("whole").disabled = from === first && to === last;
  const address = { entry: state.entry, ...(state.track && { track: state.track }) };
  if (!$("whole").disabled) Object.assign(address, { from, to });
  history.replaceState(null, "", `#${new URLSearchParams(address)}`);
}

/** Looks at what the address says: `#name` or `#entry=12&from=100&to=150&track=1`. */
function follow() {
  const text = location.hash.slice(1);
  const named = index.names.indexOf(unescaped(text));
  if (named >= 0) return visit({ entry: named });
  const given = new URLSearchParams(text);
  const number = (key) => (/^\d+$/.test(given.get(key)) ? Number(given.get(key)) : undefined);
  const [entry, track] = [number("entry"), number("track")];
  return visit({
    entry: entry < index.names.length ? entry : undefined,
    track: track < index.tracks.length ? track : undefined,
    from: number("from"),
    to: number("to"),
  });
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** After a zoom or a move of the axis, by whatever means. */
function moved(change) {
  if (!Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
  const [from, to] = figure.layout.xaxis.range;
  Object.assign(state, { from: from + 0.5, to: to + 0.5 });
  draw(sequence, state, figure.numbers);
  showWindow();
}

function filter() {
  const entries = found($("search").value);
  const strength = (entry) => Math.max(...index.tops[entry]);
  if ($("order").value === "strength") entries.sort((a, b) => strength(b) - strength(a));
  const [some, all] = [entries.length, index.names.length].map((n) => n.toLocaleString("en"));
  $("found").textContent = some === all ? `${all} sequences` : `${some} of ${all} sequences`;
  $("list").scrollTop = 0;
  list.show(entries);
}

function pressed(event) {
  const steps = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
  const step = steps[event.key];
  const searching = event.target === $("search");
  if (searching && event.key === "Enter" && list.entries.length) visit({ entry: list.entries[0] });
  const typing = event.target.matches("select") || (searching && /Left|Right/.test(event.key));
  if (!step || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const entry = list.entries[list.entries.indexOf(list.chosen) + step];
  if (entry !== undefined) visit({ entry });
}

function options() {
  index.tracks.forEach((label, i) => $("track").append(new Option(label, i)));
  $("track").disabled = index.tracks.length < 2;
  const kinds = index.signed ? ["contribution", "importance"] : ["importance"];
  kinds.forEach((kind) => $("kind").append(new Option(kind, kind)));
  state.kind = kinds[0];
  $("track").onchange = () => visit({ track: Number($("track").value), from: state.from, to: state.to });
  $("kind").onchange = () => again((state.kind = $("kind").value));
  $("colours").onchange = () => again((state.shared = $("colours").value === "shared"));
  $("whole").onclick = () => visit({});
  $("order").onchange = filter;
  $("search").oninput = filter;
  $("apart").textContent =
    `Each site with its strongest change; sites less than ${index.apart} positions from a stronger one ` +
    `are left out. Of each sequence ${index.peaks} at most.`;
}

async function start() {
  options();
  filter();
  $("content").hidden = false;
  await follow();
  figure.on("plotly_relayout", moved);
  figure.on("plotly_doubleclick", () => visit({}));
  addEventListener("keydown", pressed);
  addEventListener("hashchange", follow);
  $("message").textContent = "";
}

start().catch((error) => {
  $("message").className = "wrong";
  $("message").textContent =
    typeof DecompressionStream === "undefined"
      ? "This page needs a browser of 2023 or later, which can inflate what it holds."
      : `The page cannot be shown: ${error.message}`;
});
