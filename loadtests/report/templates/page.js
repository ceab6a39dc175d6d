"use strict";
// Draws every picture in the page's colours, again whenever those change.
const specs = JSON.parse(document.getElementById("specs").textContent);
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  const css = getComputedStyle(root);
  const [ink, soft, line] = ["--ink", "--soft", "--line"].map((name) => css.getPropertyValue(name).trim());
  const font = "system-ui, sans-serif";
  return {
    background: null,
    font,
    view: { stroke: null },
    axis: {
      labelColor: soft, titleColor: soft, gridColor: line, domainColor: line, tickColor: line,
      labelFontSize: 11, titleFontSize: 11, titleFontWeight: "normal", titlePadding: 8,
    },
    axisY: { minExtent: 52 },  // pictures one above the other share their time axis
    legend: { labelColor: ink, titleColor: soft, labelFontSize: 12, symbolSize: 90, padding: 0, offset: 8 },
  };
}

async function draw() {
  const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  let drawn = 0;
  for (const element of document.querySelectorAll(".chart")) {
    const spec = specs[element.dataset.spec];
    if (!spec) {
      element.textContent = "Nothing was recorded to draw here.";
      continue;
    }
    await vegaEmbed(element, structuredClone(spec), {
      config: theme(), actions: false, renderer: "svg", tooltip: { theme: dark ? "dark" : "light" },
    });
    drawn += 1;
  }
  root.dataset.drawn = drawn;
}

document.getElementById("theme").addEventListener("click", () => {
  const dark = (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  draw();
});
system.addEventListener("change", draw);
draw();
