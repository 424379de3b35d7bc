"use strict";
// Everything here is shown by textContent: what is in the files is not trusted.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const make = (tag, text, parent) => {
  const e = document.createElement(tag);
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
};
const number = (x, digits = 1) => Number.isFinite(x) ? x.toFixed(digits) : "–";
const colours = ["#0b6bcb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0e7490", "#a16207", "#be185d"];
const charts = [];
const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const line = () => getComputedStyle(document.documentElement).getPropertyValue("--line").trim();

const kernelRuns = data.runs.filter((r) => Array.isArray(r.benchmarks));
const modelRuns = data.runs.filter((r) => Array.isArray(r.tests));
const last = kernelRuns[kernelRuns.length - 1];
const parsed = (text) => { try { return JSON.parse(text); } catch { return null; } };
const limits = last && last.context ? parsed(last.context.limits) : null;

// One entry a kernel: the median where there are repetitions.
const kernelsOf = (run) => {
  const found = new Map();
  for (const b of run ? run.benchmarks : []) {
    if (!b || typeof b.name !== "string") continue;
    const name = b.run_type === "aggregate" ? b.run_name : b.name;
    if (b.run_type === "aggregate" && b.aggregate_name !== "median") continue;
    if (!found.has(name) || b.run_type === "aggregate") found.set(name, { ...b, name });
  }
  return [...found.values()];
};
const kernels = kernelsOf(last);
const tokens = (k) => { const m = /_n(\d+)/.exec(k.name); return m ? +m[1] : 0; };
const op = (k) => k.name.split("/")[0].split("_")[0];
const rivals = [...new Set(kernels.flatMap((k) => Object.keys(k)
  .filter((f) => f.startsWith("vs_") && !/_(low|high)$/.test(f) && f !== "vs_reference")))];

const speed = (t) => t.median_ts || t.avg_ts;
const tests = modelRuns.flatMap((r) => r.tests.filter((t) => Number.isFinite(t.n_prompt) && Number.isFinite(t.n_gen) && Number.isFinite(speed(t)))
  .map((t) => ({ ...t, card: r.card || {}, rivals: Array.isArray(t.rivals) ? t.rivals.filter((v) => v) : [] })));

// ---- The machine
const card = (last && last.context && parsed(last.context.card)) || data.card || {};
for (const [key, value] of Object.entries(card)) {
  make("dt", key.replace(/_/g, " "), byId("card"));
  make("dd", String(value), byId("card"));
}
byId("summary").textContent = data.runs.length === 0
  ? `No results are in ${data.folder} yet: run make bench, or pewter bench MODEL, and write this page again.`
  : `${kernels.length} kernels of ${kernelRuns.length} runs, ${tests.length} tests of models.`;
for (const b of data.bad) {
  byId("notes").hidden = false;
  make("li", `${b.file}: ${b.why}`, byId("bad"));
}

// ---- Charts
const options = (more) => ({
  responsive: true, maintainAspectRatio: false, animation: false, ...more,
  plugins: { legend: { position: "bottom", labels: { color: ink(), boxWidth: 12 } }, ...(more.plugins || {}) },
});
const axis = (title, more = {}) => ({
  title: { display: true, text: title, color: ink() }, ticks: { color: ink() }, grid: { color: line() }, ...more,
});
const draw = (id, config) => {
  if (typeof Chart === "undefined") return;
  charts.push(new Chart(byId(id), config()));
};
const nothing = (id, text) => {
  const p = make("p", text);
  p.className = "none";
  byId(id).parentElement.replaceWith(p);
};

const limit = (name) => {
  const all = limits && Array.isArray(limits.limits) ? limits.limits.filter((l) => l.name === name) : [];
  return all.length ? all.reduce((a, b) => (b.threads > a.threads ? b : a)).median * 1e-9 : 0;
};
const chosen = { op: "", tokens: "" };
const wanted = (k) => (!chosen.op || op(k) === chosen.op) && (!chosen.tokens || tokens(k) === +chosen.tokens);
const choose = (key, title, values) => {
  const label = make("label", `${title} `, byId("filters"));
  const select = make("select", undefined, label);
  make("option", "all", select).value = "";
  for (const v of values) make("option", String(v), select).value = v;
  select.addEventListener("change", () => { chosen[key] = select.value; redraw(); });
};
choose("op", "op", [...new Set(kernels.map(op))].sort());
choose("tokens", "tokens", [...new Set(kernels.map(tokens))].filter((n) => n > 0).sort((a, b) => a - b));

const roofConfig = () => {
  const shown = kernels.filter((k) => k.intensity > 0 && k["GOP/s"] > 0 && wanted(k));
  const low = 0.05, high = 2000, sets = [];
  const families = [...new Set(shown.map(op))];
  families.forEach((f, i) => sets.push({
    label: f, backgroundColor: colours[i % colours.length], pointRadius: 4,
    pointStyle: shown.filter((k) => op(k) === f).map((k) => (k.share > 1.05 ? "crossRot" : tokens(k) > 8 ? "triangle" : "circle")),
    borderColor: colours[i % colours.length],
    data: shown.filter((k) => op(k) === f).map((k) => ({ x: k.intensity, y: k["GOP/s"], kernel: k })),
  }));
  const roofs = [["int8", limit("int8")], ["int8_short", limit("int8_short")], ["bf16", limit("bf16")], ["f32", limit("f32")]].filter((r) => r[1] > 0);
  const top = Math.max(...roofs.map((r) => r[1]), 1);
  const slopes = [["memory", limit("read_memory")], ["L3", limit("read_l3")], ["L2", limit("read_l2")]].filter((r) => r[1] > 0);
  const roof = (label, points, dash) => ({ label, data: points, type: "line", showLine: true, pointRadius: 0, borderWidth: 1.5, borderColor: ink(), borderDash: dash });
  for (const [name, rate] of roofs) sets.push(roof(`${name} ${number(rate, 0)} GOP/s`, [{ x: low, y: rate }, { x: high, y: rate }], name === "int8" ? [] : name === "bf16" ? [6, 3] : [2, 3]));
  for (const [name, rate] of slopes) sets.push(roof(`${name} ${number(rate, 0)} GB/s`, [{ x: low, y: low * rate }, { x: top / rate, y: top }], name === "memory" ? [] : [8, 4]));
  return { type: "scatter", data: { datasets: sets }, options: options({
    scales: { x: axis("operations a byte", { type: "logarithmic", min: low, max: high }), y: axis("GOP/s", { type: "logarithmic" }) },
    plugins: { tooltip: { callbacks: { label: (c) => c.raw.kernel
      ? `${c.raw.kernel.name}: ${number(c.raw.y)} GOP/s, ${number(100 * c.raw.kernel.share)} % of the limit`
      : c.dataset.label } } },
  }) };
};
const ratioConfig = () => {
  const shown = kernels.filter((k) => wanted(k) && rivals.some((r) => k[r] > 0)).slice(0, 40);
  byId("ratio-box").style.height = `${Math.max(16, 4 + shown.length * 1.1 * Math.max(1, rivals.length / 2))}rem`;
  const error = { id: "error", afterDatasetsDraw(chart) {
    const c = chart.ctx;
    chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((bar, n) => {
      const k = shown[n], from = k[`${set.rival}_low`], to = k[`${set.rival}_high`];
      if (!(from > 0)) return;
      c.strokeStyle = ink();
      c.beginPath();
      c.moveTo(chart.scales.x.getPixelForValue(from), bar.y);
      c.lineTo(chart.scales.x.getPixelForValue(to), bar.y);
      c.stroke();
    }));
    const one = chart.scales.x.getPixelForValue(1);
    c.strokeStyle = ink();
    c.setLineDash([4, 3]);
    c.beginPath();
    c.moveTo(one, chart.chartArea.top);
    c.lineTo(one, chart.chartArea.bottom);
    c.stroke();
    c.setLineDash([]);
  } };
  return { type: "bar", plugins: [error], data: { labels: shown.map((k) => (innerWidth < 700 ? k.name.split("/").slice(0, 2) : k.name.replace(/\/threads:\d+.*/, ""))),
    datasets: rivals.map((r, i) => ({ label: r.slice(3), rival: r, backgroundColor: colours[i % colours.length], data: shown.map((k) => k[r] || null) })) },
    options: options({ indexAxis: "y", scales: { x: axis("times as fast", { beginAtZero: true }), y: axis("", { ticks: { color: ink(), font: { size: 10 }, autoSkip: false } }) } }) };
};

// ---- Models
const shape = (t) => (t.n_prompt > 0 && t.n_gen > 0 ? `pp${t.n_prompt}+tg${t.n_gen}` : t.n_prompt > 0 ? `pp${t.n_prompt}` : `tg${t.n_gen}`);
const billions = (n) => (n >= 1e9 ? `${number(n / 1e9)}B` : n >= 1e6 ? `${number(n / 1e6, 0)}M` : `${number(n / 1e3, 0)}K`);
const title = (t) => `${t.model_type} ${billions(t.model_n_params)} ${shape(t)}${t.cpu_features ? `, ${t.cpu_features} alone` : ""}`;
const some = (x) => (typeof x === "number" ? x : NaN); // null / 1e6 would be 0
// The newest of each test; those before are in the history.
const latest = new Map();
for (const t of tests) latest.set(`${title(t)}@${t.n_depth}, ${t.n_threads}, ${t.n_batch}, ${t.type_k}`, t);
const depthConfig = () => {
  const sets = [];
  const all = [...new Set([...latest.values()].map(title))];
  const deep = all.filter((n) => new Set([...latest.values()].filter((t) => title(t) === n).map((t) => t.n_depth)).size > 1);
  const names = deep.length ? deep : all;
  names.forEach((n, i) => {
    const own = [...latest.values()].filter((t) => title(t) === n).sort((a, b) => a.n_depth - b.n_depth);
    sets.push({ label: n, borderColor: colours[i % colours.length], backgroundColor: colours[i % colours.length], data: own.map((t) => ({ x: t.n_depth, y: speed(t) })) });
    for (const name of new Set(own.flatMap((t) => (t.rivals || []).map((v) => v.name))))
      sets.push({ label: `${n}, ${name}`, borderDash: [5, 4], borderColor: colours[i % colours.length], backgroundColor: "transparent",
        data: own.flatMap((t) => (t.rivals || []).filter((v) => v.name === name && v.median_ts > 0).map((v) => ({ x: t.n_depth, y: v.median_ts }))) });
  });
  return { type: "line", data: { datasets: sets }, options: options({ scales: { x: axis("tokens in the context", { type: "linear" }), y: axis("tokens/s", { type: "logarithmic" }) } }) };
};
const pastConfig = () => {
  const commits = [...new Set(tests.map((t) => t.build_commit))];
  const names = [...new Set(tests.map((t) => `${title(t)} @ ${t.n_depth}, ${t.cpu_info}`))];
  const middle = (list) => { const s = list.sort((a, b) => a - b); return s.length ? s[Math.floor(s.length / 2)] : null; };
  return { type: "line", data: { labels: commits, datasets: names.map((n, i) => ({ label: n, spanGaps: true, borderColor: colours[i % colours.length], backgroundColor: colours[i % colours.length],
    data: commits.map((c) => middle(tests.filter((t) => t.build_commit === c && `${title(t)} @ ${t.n_depth}, ${t.cpu_info}` === n).map(speed))) })) },
    options: options({ scales: { x: axis("commit"), y: axis("tokens/s", { type: "logarithmic" }) } }) };
};

// ---- Tables
const table = (id, columns, rows) => {
  const t = byId(id);
  let by = -1, down = true;
  const fill = () => {
    t.textContent = "";
    const head = make("tr", undefined, make("thead", undefined, t)), body = make("tbody", undefined, t);
    columns.forEach((c, i) => {
      const b = make("button", c.name + (by === i ? (down ? " ↓" : " ↑") : ""), make("th", undefined, head));
      b.type = "button";
      b.addEventListener("click", () => { down = by === i ? !down : true; by = i; fill(); });
    });
    const order = [...rows()];
    if (by >= 0) order.sort((a, b) => {
      const x = columns[by].value(a), y = columns[by].value(b);
      const less = typeof x === "string" ? x.localeCompare(y) : (x || 0) - (y || 0);
      return down ? -less : less;
    });
    for (const r of order) {
      const row = make("tr", undefined, body);
      for (const c of columns) {
        const cell = make("td", undefined, row), value = c.value(r);
        if (c.share && value > 0) {
          const bar = make("span", undefined, cell);
          bar.className = "share";
          bar.style.width = `${Math.min(6, 4 * value)}rem`;
        }
        cell.append(typeof value === "string" ? value : c.share && Number.isFinite(value) ? `${number(100 * value)} %` : number(value, c.digits));
        if (c.share && value > 1.05) cell.className = "bad";
      }
    }
  };
  fill();
  return fill;
};
const refill = table("table", [
  { name: "kernel", value: (k) => k.name + (k.error_occurred ? `: ${k.error_message}` : "") },
  { name: "µs", value: (k) => k.real_time, digits: 2 }, { name: "GOP/s", value: (k) => k["GOP/s"] },
  { name: "GB/s", value: (k) => k["GB/s"], digits: 2 }, { name: "of the limit", value: (k) => k.share, share: true },
  { name: "× plain C", value: (k) => k.vs_reference },
  ...rivals.map((r) => ({ name: `× ${r.slice(3)}`, value: (k) => k[r], digits: 2 })),
], () => kernels.filter(wanted));
table("tests", [
  { name: "test", value: (t) => `${title(t)} @ ${t.n_depth}` }, { name: "commit", value: (t) => t.build_commit || "" },
  { name: "threads", value: (t) => t.n_threads, digits: 0 }, { name: "keys", value: (t) => t.type_k || "" }, { name: "tokens/s", value: speed }, { name: "±", value: (t) => t.stddev_ts },
  { name: "first, ms", value: (t) => some(t.ttft_ns) / 1e6 }, { name: "next p99, ms", value: (t) => some(t.itl_p99_ns) / 1e6, digits: 2 },
  { name: "of the limit", value: (t) => t.share_roofline, share: true },
  { name: "rivals", value: (t) => (t.rivals || []).filter((v) => v.ratio > 0).map((v) => `${v.name} ×${number(v.ratio, 2)}`).join(", ") },
], () => [...latest.values()]);

function redraw() {
  for (const c of charts.splice(0)) c.destroy();
  if (kernels.length) { draw("roof", roofConfig); if (rivals.length) draw("ratio", ratioConfig); }
  if (tests.length) { draw("depth", depthConfig); draw("past", pastConfig); }
  refill();
}
const chartOrWords = (id, any, words) => {
  if (!any) nothing(id, words);
  else if (typeof Chart === "undefined") nothing(id, "No chart: Pewter was built without the library for charts (libjs-chart.js). The tables hold the figures.");
};
chartOrWords("roof", kernels.length, "No kernel was measured: run make bench.");
chartOrWords("ratio", rivals.length, "No rival was measured: run make rivals, then make bench.");
chartOrWords("depth", tests.length, "No model was measured: run pewter bench MODEL.");
chartOrWords("past", tests.length, "No model was measured yet.");
redraw();
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.classList.contains("dark") || (!root.classList.contains("light") && matchMedia("(prefers-color-scheme: dark)").matches);
  root.classList.toggle("dark", !dark);
  root.classList.toggle("light", dark);
  byId("theme").setAttribute("aria-pressed", String(!dark));
  redraw();
});
addEventListener("beforeprint", () => charts.forEach((c) => c.resize()));
})();
