for (const figure of document.querySelectorAll("figure.plot")) {
  const svg = figure.querySelector("svg"), data = figure.querySelector("script");
  if (!svg || !data) continue;
  const lines = JSON.parse(data.textContent), cross = svg.querySelector(".cross"), tip = document.createElement("div");
  tip.className = "tip"; tip.hidden = true; figure.append(tip);
  const hide = () => { tip.hidden = true; cross.setAttribute("visibility", "hidden"); };
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const nearest = lines.filter(line => line.points.length).map(line => ({ line, point:
      line.points.reduce((best, point) => Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best) }));
    if (!nearest.length) return hide();
    const at = nearest.reduce((best, next) => Math.abs(next.point[0] - x) < Math.abs(best.point[0] - x) ? next : best).point;
    const head = document.createElement("b");
    head.textContent = at[2];
    const rows = nearest.filter(({ point }) => Math.abs(point[0] - at[0]) < 8).map(({ line, point }) => {
      const row = document.createElement("div"), mark = document.createElement("i");
      mark.className = line.class;
      row.append(mark, line.name + ": " + point[3]);
      return row;
    });
    tip.replaceChildren(head, ...rows);
    tip.hidden = false;
    cross.setAttribute("visibility", "visible");
    for (const end of ["x1", "x2"]) cross.setAttribute(end, at[0]);
    const card = figure.getBoundingClientRect();
    const place = box.left - card.left + at[0] * box.width / svg.viewBox.baseVal.width;
    tip.style.left = (place + tip.offsetWidth + 24 > card.width ? place - tip.offsetWidth - 12 : place + 12) + "px";
    tip.style.top = box.top - card.top + 16 + "px";
  });
}
