// The figure of one sequence: letters above a heat-map, on a common axis of positions.

const figure = document.getElementById("figure");
const SIGNED = [[0, "#2456a6"], [0.25, "#8fb3de"], [0.5, "#ffffff"], [0.75, "#eda088"], [1, "#b3242b"]];
const UNSIGNED = [[0, "#ffffff"], [0.35, "#c9b6e0"], [0.7, "#7d55b0"], [1, "#3f1a73"]];
const CLEAR = [[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]];
const CONFIG = {
  responsive: true,
  displaylogo: false,
  doubleClick: false,
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "toImage"]],
};

/** The width of the axes in pixels. */
function pixels() {
  return figure._fullLayout ? figure._fullLayout.xaxis._length : figure.clientWidth - 140;
}

/** The traces: the heat-map, one per letter, the letters in the heat-map, the letters' hover cells. */
function traces(sequence, numbers, state) {
  const { heat, hover } = cells(sequence, numbers, state, pixels());
  const limit = state.shared
    ? index.tops.reduce((top, tops) => Math.max(top, tops[state.track]), 0)
    : index.tops[sequence.entry][state.track];
  const letters = outlines(numbers, state, pixels()).map((points, i) => ({
    ...points,
    name: "ACGTN"[i],
    type: "scatter",
    mode: "lines",
    fill: "toself",
    line: { width: 0 },
    fillcolor: COLOURS["ACGTN"[i]],
    hoverinfo: "skip",
  }));
  return [
    {
      ...heat,
      type: "heatmap",
      y: [...LETTERS],
      yaxis: "y2",
      hovertemplate: "%{text}<extra></extra>",
      colorscale: index.signed ? SIGNED : UNSIGNED,
      zmin: index.signed ? -(limit || 1) : 0,
      zmax: limit || 1,
      colorbar: {
        title: { text: plain(index.score), side: "right" },
        y: 0.17, len: 0.46, thickness: 12, outlinewidth: 0, nticks: 5,
      },
    },
    ...letters,
    {
      ...references(numbers, state, pixels()),
      type: "scatter",
      mode: "text",
      textfont: { size: 10, color: "#8a94a0" },
      yaxis: "y2",
      hoverinfo: "skip",
    },
    {
      ...hover,
      type: "heatmap",
      y: heightRange(numbers), // the edges of one row
      hovertemplate: "%{text}<extra></extra>",
      colorscale: CLEAR,
      showscale: false,
    },
  ];
}

/** A band behind the marked site, if there is one. */
function marks(site) {
  if (site === null) return [];
  const [start, stop] = index.sites[site];
  const band = { type: "rect", yref: "paper", y0: 0, y1: 1, x0: start - 0.5, x1: stop - 0.5 };
  return [{ ...band, layer: "below", fillcolor: "#1d5fbf", opacity: 0.12, line: { width: 0 } }];
}

/** Plotly's layout: axes, labels and the band of the marked site. */
function layout(numbers, state) {
  return {
    margin: { l: 64, r: 10, t: 26, b: 44 },
    font: { family: "system-ui, sans-serif", size: 12, color: "#1f2933" },
    showlegend: false,
    dragmode: figure.layout ? figure.layout.dragmode : "zoom",
    hovermode: "closest",
    hoverlabel: { bgcolor: "#ffffff", bordercolor: "#c5ccd4", font: { color: "#1f2933" }, align: "left" },
    shapes: marks(state.marked),
    xaxis: {
      range: [state.from - 0.5, state.to - 0.5],
      minallowed: first - 0.5,
      maxallowed: last - 0.5,
      anchor: "y2",
      title: { text: "position in the sequence, from 0" },
      showgrid: false,
      zeroline: false,
      tickformat: ",d",
      showspikes: true,
      spikemode: "across",
      spikethickness: 1,
      spikecolor: "#9aa5b1",
      spikedash: "solid",
    },
    yaxis: {
      domain: [0.42, 1],
      range: heightRange(numbers),
      fixedrange: true,
      title: { text: state.kind },
      zerolinecolor: "#c5ccd4",
      gridcolor: "#eef1f4",
      nticks: 6,
    },
    yaxis2: {
      domain: [0, 0.34],
      categoryorder: "array",
      categoryarray: [...LETTERS],
      range: [3.5, -0.5],
      fixedrange: true,
      showgrid: false,
      title: { text: "substitution" },
    },
  };
}

/** Draws a sequence; pass the current `numbers` if only the axis has changed. */
function draw(sequence, state, numbers = columnValues(sequence, state)) {
  figure.numbers = numbers;
  return Plotly.react(figure, traces(sequence, numbers, state), layout(numbers, state), CONFIG);
}
