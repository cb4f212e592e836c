// The state of the page, and the events that change it: list, tables, keys and address.

const $ = (id) => document.getElementById(id);
const FLANK = 25; // positions on either side of a site that a table jumps to
const state = { entry: 0, track: 0, kind: "", shared: false, from: first, to: last, marked: null };
const list = new List($("list"), $("rows"), (entry) => visit({ entry }));
const MEANINGS = {
  contribution: "Contribution: the score of the reference letter minus the mean of all four.",
  importance: "Importance: sqrt(sum d^2 / 3), with d the differences from the reference letter.",
};
let sequence = null; // the decoded sequence that is shown
let latestVisit = 0; // a visit that finishes after a later one has begun is ignored

/** Shows a range of a sequence, by default all positions, and marks a site if one is given. */
async function visit({ entry = state.entry, track = state.track, from = first, to = last, marked = null }) {
  const ticket = (latestVisit += 1);
  const next = sequence && sequence.entry === entry ? sequence : await decode(entry);
  if (ticket !== latestVisit) return;
  sequence = next;
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

/** Draws the current view with changed options. */
function redraw() {
  return visit({ from: state.from, to: state.to, marked: state.marked });
}

/** Shows and marks a site with its neighbourhood. */
function jump({ entry, site }) {
  const [start, stop] = index.sites[site];
  return visit({ entry, from: start - FLANK, to: stop + FLANK, marked: site });
}

/** Shows the name, place and prediction of the sequence. */
function showHead() {
  const { entry, track } = state;
  const place = placeOf(entry);
  const length = `${index.length.toLocaleString("en")} letters`;
  const number = `record ${entry} of ${index.names.length.toLocaleString("en")}, counted from 0`;
  const values = index.predictions[entry][track].map(formatNumber).join(", ");
  $("name").textContent = index.names[entry];
  $("place").textContent = [place, length, number].filter(Boolean).join(" · ");
  $("prediction").textContent = values ? `${index.tracks[track]}\nprediction ${values}` : index.tracks[track];
}

/** Fills the tables of the strongest sites. */
function showTables() {
  const { entry, track } = state;
  const own = sequence.strongest(track).map(([site, letter]) => {
    const reference = sequence.lettersOf(index.sites[site]);
    const substitution = LETTERS[letter].repeat(reference.length);
    const score = formatNumber(sequence.score(track, site, letter));
    return { cells: [siteText(site), `${reference}>${substitution}`, score], target: { entry, site } };
  });
  const all = index.strongest[track].map(([other, site, change, score]) => ({
    cells: [index.names[other], siteText(site), change, formatNumber(score)],
    target: { entry: other, site },
  }));
  const titles = [["position", "number"], ["change", ""], [index.score, "number"]];
  fillTable($("own"), titles, own, jump);
  if ($("all").shownTrack === track) return;
  fillTable($("all"), [["sequence", ""], ...titles], all, jump);
  $("all").shownTrack = track;
}

/** Shows the visible range and writes it to the address. */
function showWindow() {
  const [from, to] = [Math.round(state.from), Math.round(state.to)];
  const place = placeOf(state.entry, from, to);
  const { step } = visibleColumns(state, pixels());
  const coarse = step > 1 && `each column shows the largest of ${step} positions`;
  const parts = [`positions ${from} to ${to - 1}`, place, coarse];
  $("window").textContent = parts.filter(Boolean).join(" · ");
  $("reset").disabled = from === first && to === last;
  const address = { entry: state.entry, ...(state.track && { track: state.track }) };
  if (!$("reset").disabled) Object.assign(address, { from, to });
  history.replaceState(null, "", `#${new URLSearchParams(address)}`);
}

/** Shows what the address names: `#name` or `#entry=12&from=100&to=150&track=1`. */
function followAddress() {
  const text = location.hash.slice(1);
  const byName = index.names.indexOf(unescapeAddress(text));
  if (byName >= 0) return visit({ entry: byName });
  const fields = new URLSearchParams(text);
  const number = (key) => (/^\d+$/.test(fields.get(key)) ? Number(fields.get(key)) : undefined);
  const [entry, track] = [number("entry"), number("track")];
  return visit({
    entry: entry < index.names.length ? entry : undefined,
    track: track < index.tracks.length ? track : undefined,
    from: number("from"),
    to: number("to"),
  });
}

/** The decoded address, or the text itself if it is malformed. */
function unescapeAddress(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Updates the view after the axis was zoomed or moved. */
function onRelayout(change) {
  if (!Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
  const [from, to] = figure.layout.xaxis.range;
  Object.assign(state, { from: from + 0.5, to: to + 0.5 });
  draw(sequence, state, figure.numbers);
  showWindow();
}

/** Shows the sequences that match the search, in the chosen order. */
function filter() {
  const entries = search($("search").value);
  const strength = (entry) => Math.max(...index.tops[entry]);
  if ($("order").value === "strength") entries.sort((a, b) => strength(b) - strength(a));
  const [count, all] = [entries.length, index.names.length].map((n) => n.toLocaleString("en"));
  $("found").textContent = count === all ? `${all} sequences` : `${count} of ${all} sequences`;
  $("list").scrollTop = 0;
  list.show(entries);
}

/** Moves to another sequence with the arrow keys, or to the first match with Enter. */
function onKey(event) {
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

/** Fills the menus and connects the controls. */
function setUpControls() {
  index.tracks.forEach((label, i) => $("track").append(new Option(label, i)));
  $("track").disabled = index.tracks.length < 2;
  const kinds = index.signed ? ["contribution", "importance"] : ["importance"];
  kinds.forEach((kind) => $("kind").append(new Option(kind, kind)));
  state.kind = kinds[0];
  $("track").onchange = () => visit({ track: Number($("track").value), from: state.from, to: state.to });
  $("kind").onchange = () => redraw((state.kind = $("kind").value));
  $("colours").onchange = () => redraw((state.shared = $("colours").value === "shared"));
  $("reset").onclick = () => visit({});
  $("order").onchange = filter;
  $("search").oninput = filter;
  $("apart").textContent =
    `Each site is listed with its strongest substitution. Sites less than ${index.apart} positions from a ` +
    `stronger one are omitted; each sequence has at most ${index.peaks}.`;
}

/** Shows the page once everything is loaded. */
async function start() {
  setUpControls();
  filter();
  $("content").hidden = false;
  await followAddress();
  figure.on("plotly_relayout", onRelayout);
  figure.on("plotly_doubleclick", () => visit({}));
  addEventListener("keydown", onKey);
  addEventListener("hashchange", followAddress);
  $("message").textContent = "";
}

start().catch((error) => {
  $("message").className = "wrong";
  $("message").textContent =
    typeof DecompressionStream === "undefined"
      ? "This page needs a browser of 2023 or later, which can decompress its data."
      : `The page cannot be shown: ${error.message}`;
});
