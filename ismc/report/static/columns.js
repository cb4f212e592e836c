// Computes the drawing of a sequence: values per column, then cells, letters and hover labels.

const COLOURS = { A: "#2a9347", C: "#2c5fc3", G: "#e09a12", T: "#cf3d3d", N: "#8a94a0" };
const MIN_LETTER_PIXELS = 7; // per position; letters are drawn as bars below this
const MIN_CELL_PIXELS = 1.5; // per bar or cell; several positions share a cell below this

/** Text with the characters that Plotly interprets escaped. */
function plain(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Values per column with a site: the reference letter, the four scores, and the letter's height. */
function columnValues(sequence, state) {
  const height = state.kind === "contribution" ? contribution : importance;
  const reference = new Int8Array(columns.length).fill(-1);
  const scores = new Array(columns.length).fill(null);
  const heights = new Array(columns.length).fill(null);
  columns.forEach((site, column) => {
    if (site < 0) return;
    reference[column] = siteLetter(sequence, index.sites[site]);
    scores[column] = [0, 1, 2, 3].map((letter) => sequence.score(state.track, site, letter));
    heights[column] = height(scores[column], reference[column]);
  });
  return { reference, scores, heights };
}

/** The visible columns and as many again on either side, in steps that are wide enough to see. */
function visibleColumns(state, pixels) {
  const span = state.to - state.from;
  const step = Math.max(1, Math.ceil((span * MIN_CELL_PIXELS) / pixels));
  const from = Math.floor((state.from - span - first) / step) * step;
  const to = Math.ceil(state.to + span) - first;
  return { from: Math.max(0, from), to: Math.min(columns.length, to), step };
}

/** The column with the largest absolute value in each step. */
function largest({ from, to, step }, value) {
  const best = [];
  for (let begin = from; begin < to; begin += step) {
    let top = begin;
    for (let column = begin; column < Math.min(begin + step, to); column += 1)
      if (Math.abs(value(column)) > Math.abs(value(top))) top = column;
    best.push(top);
  }
  return best;
}

/** The positions of a column, for a hover label. */
function positionText(sequence, column) {
  const [start, stop] = index.sites[columns[column]];
  const wide = stop - start > 1;
  const at = wide ? `positions ${start} to ${stop - 1}` : `position ${start}`;
  if (!index.places) return at;
  const genome = index.places.start[sequence.entry] + start;
  const chrom = plain(index.places.chrom[sequence.entry]);
  return `${at}<br>genome ${chrom}:${genome}${wide ? ` to ${genome + stop - start - 1}` : ""}`;
}

/** The hover label of a cell of the heat-map: position, substitution and score. */
function cellText(sequence, numbers, column, letter) {
  if (!numbers.scores[column]) return "";
  const reference = sequence.lettersOf(index.sites[columns[column]]);
  const substitution = LETTERS[letter].repeat(reference.length);
  const change =
    letter === numbers.reference[column] ? `${reference} (reference)` : `${reference} &gt; ${substitution}`;
  const score = formatNumber(numbers.scores[column][letter]);
  return `${positionText(sequence, column)}<br>${change}: <b>${score}</b>`;
}

/** The hover label of a letter: position, letter and height. */
function letterText(sequence, numbers, column, kind) {
  if (!numbers.scores[column]) return "";
  const reference = sequence.lettersOf(index.sites[columns[column]]);
  const height = numbers.heights[column];
  const value = height === null ? "none" : formatNumber(height);
  return `${positionText(sequence, column)}<br>${reference}: ${kind} <b>${value}</b>`;
}

/** The cells of the visible heat-map, and the invisible cells that give letters hover labels. */
function cells(sequence, numbers, state, pixels) {
  const visible = visibleColumns(state, pixels);
  const axis = { x0: first + visible.from + (visible.step - 1) / 2, dx: visible.step };
  const value = (letter) => (column) => numbers.scores[column] && numbers.scores[column][letter];
  const best = [0, 1, 2, 3].map((letter) => largest(visible, value(letter)));
  const tops = largest(visible, (column) => numbers.heights[column]);
  return {
    heat: {
      ...axis,
      z: best.map((row, letter) => row.map(value(letter))),
      text: best.map((row, letter) => row.map((c) => cellText(sequence, numbers, c, letter))),
    },
    hover: {
      ...axis,
      z: [tops.map((column) => (numbers.scores[column] ? 0 : null))],
      text: [tops.map((column) => letterText(sequence, numbers, column, state.kind))],
    },
  };
}

/** The points of one trace per letter: letters if they are readable, else bars. */
function outlines(numbers, state, pixels) {
  const traces = Object.fromEntries([..."ACGTN"].map((letter) => [letter, { x: [], y: [] }]));
  const visible = visibleColumns(state, pixels);
  const large = readable(state, pixels);
  largest(visible, (column) => numbers.heights[column]).forEach((column, i) => {
    const letter = LETTERS[numbers.reference[column]] || "N";
    const middle = first + visible.from + i * visible.step + (visible.step - 1) / 2;
    const glyph = (large && GLYPHS[letter]) || BAR;
    if (numbers.heights[column]) stamp(traces[letter], glyph, middle, visible.step, numbers.heights[column]);
  });
  return Object.values(traces);
}

/** Whether a letter at this zoom is wide enough to read. */
function readable(state, pixels) {
  return (state.to - state.from) * MIN_LETTER_PIXELS <= pixels;
}

/** The reference letters, printed in the heat-map if they are readable. */
function references(numbers, state, pixels) {
  const points = { x: [], y: [], text: [] };
  if (!readable(state, pixels)) return points;
  const { from, to } = visibleColumns(state, pixels);
  for (let column = from; column < to; column += 1) {
    const letter = LETTERS[numbers.reference[column]];
    if (!letter) continue;
    points.x.push(first + column);
    points.y.push(letter);
    points.text.push(letter);
  }
  return points;
}

/** The range of heights, with a margin. */
function heightRange(numbers) {
  let [low, high] = [0, 0];
  for (const height of numbers.heights) {
    low = Math.min(low, height);
    high = Math.max(high, height);
  }
  const margin = (high - low || 1) * 0.06;
  return [low < 0 ? low - margin : 0, high + margin];
}
