// Looks at a report of kp perf from inside, once it is laid out, and writes what it finds into an element that is
// read out of the page's text afterwards.
const problems = [];
const complain = (where, what) => problems.push(where + ": " + what);
addEventListener("error", event => complain("script", event.message));
addEventListener("securitypolicyviolation", event => complain("outside", event.violatedDirective + " " + event.blockedURI));

const overlap = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const inside = (a, b) => a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;

function checkPlot(figure) {
  const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
  if (box.width < 200 || box.height < 80) complain(figure.id, `only ${box.width} by ${box.height}`);
  if (!inside(box, figure.getBoundingClientRect())) complain(figure.id, "the plot leaves its card");
  const card = getComputedStyle(figure).backgroundColor, strokes = new Set(), looks = new Set();
  for (const path of svg.querySelectorAll("path.line")) {
    const style = getComputedStyle(path), name = figure.id + ", " + path.dataset.name;
    if (path.getTotalLength() < 100) complain(name, "is hardly there");
    if (style.stroke === "none" || style.stroke === card) complain(name, "cannot be seen");
    if (!inside(path.getBoundingClientRect(), box)) complain(name, "leaves the plot");
    strokes.add(style.stroke);
    looks.add(style.stroke + style.strokeDasharray);
  }
  const paths = svg.querySelectorAll("path.line").length;
  if (looks.size !== paths) complain(figure.id, `${paths} lines look like ${looks.size}`);
  if (paths > 1 && figure.querySelectorAll(".legend li").length !== paths) complain(figure.id, "the legend lacks a line");
  const texts = [...svg.querySelectorAll("text")];
  if (texts.length < 4) complain(figure.id, "has no axes");
  texts.forEach((text, at) => {
    const place = text.getBoundingClientRect();
    if (!inside(place, box)) complain(figure.id, `"${text.textContent}" leaves the plot`);
    const other = texts.slice(at + 1).find(other => overlap(place, other.getBoundingClientRect()));
    if (other) complain(figure.id, `"${text.textContent}" lies on "${other.textContent}"`);
  });
  svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + box.width * 0.6, clientY: box.top + 60 }));
  const tip = figure.querySelector(".tip");
  if (!tip || tip.hidden || !tip.textContent) return complain(figure.id, "says nothing when it is pointed at");
  if (!inside(tip.getBoundingClientRect(), figure.getBoundingClientRect())) complain(figure.id, "what it says leaves the card");
  for (const mark of tip.querySelectorAll("i"))
    if (!strokes.has(getComputedStyle(mark).borderTopColor)) complain(figure.id, "a mark has no line's colour");
  if (tip.querySelectorAll("div").length > paths) complain(figure.id, "says more than there are lines");
  svg.dispatchEvent(new PointerEvent("pointerleave"));
  if (!tip.hidden) complain(figure.id, "goes on saying it");
}

addEventListener("load", () => {
  const figures = [...document.querySelectorAll("figure.plot")];
  figures.forEach(checkPlot);
  const bars = [...document.querySelectorAll("#brokers .bar")];
  const shares = bars.map(bar => bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width);
  if (document.documentElement.scrollWidth > innerWidth) complain("page", "is wider than the window");
  for (const cell of document.querySelectorAll("td, .tile"))
    if (cell.scrollWidth > cell.clientWidth + 1) complain("page", `"${cell.textContent}" does not fit`);
  const found = document.createElement("pre");
  found.id = "found";
  found.textContent = JSON.stringify({
    plots: figures.length,
    lines: document.querySelectorAll("path.line").length,
    shares: shares.reduce((sum, share) => sum + share, 0),
    background: getComputedStyle(document.body).backgroundColor,
    problems,
  });
  document.body.append(found);
});
