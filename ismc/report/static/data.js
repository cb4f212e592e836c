// The index of all sequences, and the decoder of one sequence, called when it is opened.

const index = JSON.parse(document.getElementById("index").textContent);
const LETTERS = "ACGT";
const NO_PEAK = 2 ** 32 - 1;
const counts = { decoded: 0 }; // how often a sequence was decoded

const first = index.sites.reduce((low, site) => Math.min(low, site[0]), Infinity);
const last = index.sites.reduce((high, site) => Math.max(high, site[1]), 0);
const columns = columnsOf(index.sites);

/** The site drawn at each position from `first` to `last`, or -1.
 *  A site fills its positions; if any sites overlap, each is drawn only at its middle. */
function columnsOf(sites) {
  const columns = new Int32Array(last - first).fill(-1);
  const overlap = sites.some(([start, stop], site) => {
    const taken = columns.subarray(start - first, stop - first).some((other) => other >= 0);
    columns.fill(site, start - first, stop - first);
    return taken;
  });
  if (overlap) {
    columns.fill(-1);
    sites.forEach(([start, stop], site) => (columns[((start + stop - 1) >> 1) - first] = site));
  }
  return columns;
}

/** The bytes of a sequence, in the format described in `ismc.report.entries`. */
async function inflate(entry) {
  const text = document.querySelector(`script[data-entry="${entry}"]`).textContent;
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** A sequence: its letters, the scores of all tracks, and its strongest substitutions. */
async function decode(entry) {
  const buffer = await inflate(entry);
  counts.decoded += 1;
  const sites = index.sites.length;
  const size = index.tracks.length * 4 * sites;
  const codes = 4 * index.tracks.length * index.peaks;
  const letters = new Uint8Array(buffer, codes, last - first);
  const high = new Int8Array(buffer, codes + letters.length, size);
  const low = new Uint8Array(buffer, codes + letters.length + size, size);
  const strongest = new DataView(buffer, 0, codes);
  return {
    entry,
    /** The letter at a position: A, C, G, T or N. */
    letter: (position) => (LETTERS + "N")[letters[position - first]],
    /** A score, or null if it is not finite. */
    score(track, site, letter) {
      const at = (track * 4 + letter) * sites + site;
      const step = high[at] * 256 + low[at];
      return step < -index.levels ? null : (step * index.tops[entry][track]) / index.levels;
    },
    /** The strongest substitutions of a track, as pairs of site and letter. */
    strongest(track) {
      return Array.from({ length: index.peaks }, (_, i) =>
        strongest.getUint32(4 * (track * index.peaks + i), true),
      )
        .filter((code) => code !== NO_PEAK)
        .map((code) => [code >> 2, code & 3]);
    },
    /** The reference letters of a site. */
    lettersOf([start, stop]) {
      return Array.from({ length: stop - start }, (_, i) => this.letter(start + i)).join("");
    },
  };
}

/** The index of the letter at all positions of a site, or -1 if they differ or it is unknown. */
function siteLetter(sequence, [start, stop]) {
  const letters = sequence.lettersOf([start, stop]);
  return [...letters].every((letter) => letter === letters[0]) ? LETTERS.indexOf(letters[0]) : -1;
}

/** The contribution of a site's reference letter: its score minus the mean of all four. */
function contribution(scores, reference) {
  if (reference < 0 || scores.includes(null)) return null;
  return scores[reference] - scores.reduce((sum, score) => sum + score, 0) / 4;
}

/** The importance of a site: sqrt(sum d^2 / 3), with d the differences from the reference letter. */
function importance(scores, reference) {
  if (scores.includes(null)) return null;
  const base = reference < 0 ? 0 : scores[reference];
  return Math.sqrt(scores.reduce((sum, score) => sum + (score - base) ** 2, 0) / 3);
}

/** A number as text with four significant digits. */
function formatNumber(value) {
  return value === null ? "not a number" : String(Number(value.toPrecision(4)));
}

/** The genomic range of a sequence, `chr1:1,000-1,200`, or "" without coordinates. */
function placeOf(entry, from = 0, to = index.length) {
  if (!index.places) return "";
  const start = index.places.start[entry];
  const [a, b] = [start + from, start + to].map((at) => at.toLocaleString("en"));
  return `${index.places.chrom[entry]}:${a}-${b}`;
}
