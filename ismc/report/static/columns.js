// From a sequence to what is drawn of it: numbers by column, then cells, letters and labels.

const COLOURS = { A: "#2a9347", C: "#2c5fc3", G: "#e09a12", T: "#cf3d3d", N: "#8a94a0" };
const READABLE = 7; // pixels of a position from which letters are drawn as letters
const FINE = 1.5; // pixels of a bar or cell, at least; it may stand for several positions

/** Text without a meaning to the drawing library. */
function plain(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** By column, where there is a site: its own letter, four scores, and the height of the letter. */
function measured(sequence, state) {
  const height = state.kind === "contribution" ? contribution : importance;
  const own = new Int8Array(columns.length).fill(-1);
  const scores = new Array(columns.length).fill(null);
  const heights = new Array(columns.length).fill(null);
  columns.forEach((site, column) => {
    if (site < 0) return;
    own[column] = sameLetter(sequence, index.sites[site]);
    scores[column] = [0, 1, 2, 3].map((letter) => sequence.score(state.track, site, letter));
    heights[column] = height(scores[column], own[column]);
  });
  return { own, scores, heights };
}

/** The columns that are seen and as many on either side, in steps that are wide enough to be seen. */
function seen(state, pixels) {
  const span = state.to - state.from;
  const step = Math.max(1, Math.ceil((span * FINE) / pixels));
  const from = Math.floor((state.from - span - first) / step) * step;
  const to = Math.ceil(state.to + span) - first;
  return { from: Math.max(0, from), to: Math.min(columns.length, to), step };
}

/** Of each step of columns the one of the largest value; empty ones have none. */
function largest({ from, to, step }, value) {
  const found = [];
  for (let begin = from; begin < to; begin += step) {
    let best = begin;
    for (let column = begin; column < Math.min(begin + step, to); column += 1)
      if (Math.abs(value(column)) > Math.abs(value(best))) best = column;
    found.push(best);
  }
  return found;
}

/** Where a column is, for a hover label. */
function whereText(sequence, column) {
  const [start, stop] = index.sites[columns[column]];
  const wide = stop - start > 1;
  const at = wide ? `positions ${start} to ${stop - 1}` : `position ${start}`;
  if (!index.places) return at;
  const genome = index.places.start[sequence.entry] + start;
  const chrom = plain(index.places.chrom[sequence.entry]);
  return `${at}<br>genome ${chrom}:${genome}${wide ? ` to ${genome + stop - start - 1}` : ""}`;
}

/** What a cell of the heat-map says: where, what was written over what, and the score. */
function cellText(sequence, numbers, column, letter) {
  if (!numbers.scores[column]) return "";
  const there = sequence.there(index.sites[columns[column]]);
  const written = LETTERS[letter].repeat(there.length);
  const change = letter === numbers.own[column] ? `${there} (reference)` : `${there} &gt; ${written}`;
  const score = shown(numbers.scores[column][letter]);
  return `${whereText(sequence, column)}<br>${change}: <b>${score}</b>`;
}

/** What a letter says: where, which, and its height. */
function letterText(sequence, numbers, column, kind) {
  if (!numbers.scores[column]) return "";
  const there = sequence.there(index.sites[columns[column]]);
  const height = numbers.heights[column];
  const value = height === null ? "none" : shown(height);
  return `${whereText(sequence, column)}<br>${there}: ${kind} <b>${value}</b>`;
}

/** The heat-map of what is seen, and what is hovered over the letters. */
function cells(sequence, numbers, state, pixels) {
  const part = seen(state, pixels);
  const places = { x0: first + part.from + (part.step - 1) / 2, dx: part.step };
  const value = (letter) => (column) => numbers.scores[column] && numbers.scores[column][letter];
  const best = [0, 1, 2, 3].map((letter) => largest(part, value(letter)));
  const tops = largest(part, (column) => numbers.heights[column]);
  return {
    heat: {
      ...places,
      z: best.map((row, letter) => row.map(value(letter))),
      text: best.map((row, letter) => row.map((c) => cellText(sequence, numbers, c, letter))),
    },
    hover: {
      ...places,
      z: [tops.map((column) => (numbers.scores[column] ? 0 : null))],
      text: [tops.map((column) => letterText(sequence, numbers, column, state.kind))],
    },
  };
}

/** Letters where they can be read, otherwise bars: points of a trace for each letter. */
function outlines(numbers, state, pixels) {
  const traces = Object.fromEntries([..."ACGTN"].map((letter) => [letter, { x: [], y: [] }]));
  const part = seen(state, pixels);
  const large = readable(state, pixels);
  largest(part, (column) => numbers.heights[column]).forEach((column, i) => {
    const letter = LETTERS[numbers.own[column]] || "N";
    const middle = first + part.from + i * part.step + (part.step - 1) / 2;
    const glyph = (large && GLYPHS[letter]) || BAR;
    if (numbers.heights[column]) stamp(traces[letter], glyph, middle, part.step, numbers.heights[column]);
  });
  return Object.values(traces);
}

function readable(state, pixels) {
  return (state.to - state.from) * READABLE <= pixels;
}

/** The letters that are there, to be written into the heat-map where they can be read. */
function references(numbers, state, pixels) {
  const points = { x: [], y: [], text: [] };
  if (!readable(state, pixels)) return points;
  const { from, to } = seen(state, pixels);
  for (let column = from; column < to; column += 1) {
    const letter = LETTERS[numbers.own[column]];
    if (!letter) continue;
    points.x.push(first + column);
    points.y.push(letter);
    points.text.push(letter);
  }
  return points;
}

/** The range of heights, with some room. */
function heightRange(numbers) {
  let [low, high] = [0, 0];
  for (const height of numbers.heights) {
    low = Math.min(low, height);
    high = Math.max(high, height);
  }
  const room = (high - low || 1) * 0.06;
  return [low < 0 ? low - room : 0, high + room];
}
