// Figures follow the page's colours; tables are sorted by a click on a column's name.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const options = {
  responsive: true,
  displaylogo: false,
  plotlyServerURL: "",
  modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
};

function drawFigures() {
  for (const holder of document.querySelectorAll("div.plot")) {
    let source = document.getElementById(holder.dataset.source).textContent;
    if (dark.matches) source = source.replaceAll('"#24292f"', '"#e6edf3"').replaceAll('"#e6e8eb"', '"#30363d"');
    const figure = JSON.parse(source);
    if (holder.clientWidth < 500) figure.layout.font.size = 11;
    Plotly.react(holder, figure.data, figure.layout, options);
  }
}

function valueOf(cell) {
  const number = Number(cell.textContent);
  return cell.textContent.trim() !== "" && !Number.isNaN(number) ? number : null;
}

function compare(a, b) {
  const [x, y] = [valueOf(a), valueOf(b)];
  if (x !== null && y !== null) return x - y;
  return x === y ? a.textContent.localeCompare(b.textContent) : x === null ? 1 : -1;
}

function sortBy(table, column, button) {
  const head = button.parentElement;
  const falling = head.getAttribute("aria-sort") !== "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows];
  rows.sort((a, b) => (falling ? -1 : 1) * compare(a.cells[column], b.cells[column]));
  table.tBodies[0].append(...rows);
}

for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = head.querySelector("button");
    button.addEventListener("click", () => sortBy(table, column, button));
  });
}
if (window.Plotly) {
  drawFigures();
  dark.addEventListener("change", drawFigures);
}
