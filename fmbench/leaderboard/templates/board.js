(() => {
'use strict';
const root = document.documentElement;
const one = (selector, inside = document) => inside.querySelector(selector);
const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const data = JSON.parse(one('#data').textContent);
const {columns, ids, rows} = data;
const head = one('#board thead tr'), body = one('#board tbody');
const lines = [...body.rows];
const box = column => one('#c-' + column.id);
const element = (name, text, attributes = {}) => { const e = document.createElement(name); e.textContent = text; for (const a in attributes) e.setAttribute(a, attributes[a]); return e; };
root.classList.add('js');

/* A cell is a number or text, [value, low, high], {why}, or null. */
const missing = cell => cell === null || (typeof cell === 'object' && !Array.isArray(cell));
const first = cell => missing(cell) ? null : Array.isArray(cell) ? cell[0] : cell;
const ends = cell => Array.isArray(cell) && cell[1] !== null ? cell.slice(1) : null;
const rescaled = (column, x) => (x - column.chance) / column.span;
function scaledCell(column, cell) {
  if (missing(cell) || !column.span) return cell;
  const interval = ends(cell);
  const value = rescaled(column, first(cell));
  if (!interval) return value;
  const both = interval.map(x => rescaled(column, x));
  return [value, Math.min(...both), Math.max(...both)];
}
function cellOf(row, c) {
  const column = columns[c], cell = rows[row][c];
  if (state.mode && data.over[row]) {
    if (column.id === 'rank') return data.over[row][0];
    if (column.id === 'score') return data.over[row][1];
  }
  return state.norm && column.task !== null ? scaledCell(column, cell) : cell;
}

/* Numbers, as Python's view.py has them. */
const decimals = half => half === null || half <= 0 ? 1 : half >= 10 ? 0 : half >= 1 ? 1 : 2;
const fixed = (x, places) => { const text = x.toFixed(places); return Number(text) === 0 ? text.replace('-', '') : text; };
const halfOf = cell => { const e = ends(cell); return e ? 50 * (e[1] - e[0]) : null; };
const percent = cell => fixed(100 * first(cell), decimals(halfOf(cell)));
const isPercent = column => column.format === 'percent' || (state.norm && column.task !== null && column.span);
window.fmbenchNumbers = {decimals, fixed};

/* Weights of one's own: a last column, of which no rank is claimed. */
const sliders = all('#weights input[type=range]');
const domainColumns = columns.map((_, c) => c).filter(c => columns[c].task === null && columns[c].domain !== null);
const MINE = columns.length;
if (sliders.length) {
  columns.push({id: 'mine', name: 'your_weights', label: 'Your weights', format: 'percent', shown: false, up: true, task: null, domain: null});
  const th = element('th', '', {scope: 'col'});
  th.append(element('button', 'Your weights', {type: 'button'}));
  head.append(th);
  lines.forEach((line, row) => { line.insertCell(); rows[row].push(null); });
}
function weighted(row) {
  let sum = 0, share = 0;
  for (const [d, c] of domainColumns.entries()) {
    const weight = state.weights[d];
    if (weight && missing(rows[row][c])) return null;
    sum += weight * first(rows[row][c]);
    share += weight;
  }
  return sum / share;
}
function weigh() {
  if (!sliders.length) return;
  sliders.forEach((input, d) => { input.nextElementSibling.value = input.value = state.weights ? state.weights[d] : input.defaultValue; });
  columns[MINE].shown = box(columns[MINE]).checked = state.weights !== null;
  head.cells[MINE + 1].hidden = !state.weights;
  lines.forEach((line, row) => {
    const value = rows[row][MINE] = state.weights && weighted(row), td = line.cells[MINE + 1];
    td.hidden = !state.weights;
    td.textContent = value === null ? '–' : fixed(100 * value, 1);
  });
}
function asWeights(list) {
  return list.length === sliders.length && list.every(x => /^\d{1,3}$/.test(x) && x <= 100) && list.some(Number) && list.some((x, d) => x - sliders[d].defaultValue) ? list.map(Number) : null;
}

const state = {};
const DEFAULTS = () => ({sort: [0, 1], q: '', pins: [], methods: [], norm: false, common: false, mode: false, weights: null, theme: '', whole: false});
const flags = ['norm', 'common', 'mode'];

/* The address holds the view. */
function write() {
  const parts = new URLSearchParams();
  if (state.sort[0] !== 0 || state.sort[1] !== 1) parts.set('sort', (state.sort[1] < 0 ? '-' : '') + columns[state.sort[0]].id);
  if (state.q) parts.set('q', state.q);
  if (state.pins.length) parts.set('pin', state.pins.join());
  if (state.methods.length) parts.set('method', JSON.stringify(state.methods));
  const changed = columns.filter(c => box(c).checked !== c.shown).map(c => (box(c).checked ? '+' : '-') + c.id);
  if (changed.length) parts.set('cols', changed.join());
  if (state.weights) parts.set('w', state.weights.join());
  for (const flag of flags) if (state[flag]) parts.set(flag, '1');
  if (state.theme) parts.set('theme', state.theme);
  if (state.whole) parts.set('all', '1');
  const hash = parts.toString();
  try { history.replaceState(null, '', hash ? '#' + hash : location.pathname + location.search); } catch { location.hash = hash; }
}
function read() {
  Object.assign(state, DEFAULTS());
  const parts = new URLSearchParams(location.hash.slice(1));
  const sort = parts.get('sort') || '';
  const at = columns.findIndex(c => c.id === sort.replace(/^-/, ''));
  if (at >= 0) state.sort = [at, sort[0] === '-' ? -1 : 1];
  state.q = parts.get('q') || '';
  state.pins = (parts.get('pin') || '').split(',').filter(id => ids.includes(id));
  try { state.methods = [].concat(JSON.parse(parts.get('method') || '[]')).filter(name => typeof name === 'string'); } catch { /* not ours */ }
  const changed = (parts.get('cols') || '').split(',');
  for (const c of columns) box(c).checked = changed.includes('+' + c.id) || (c.shown && !changed.includes('-' + c.id));
  for (const flag of flags) state[flag] = parts.get(flag) === '1' && one('#' + flag) !== null;
  state.weights = asWeights((parts.get('w') || '').split(','));
  state.theme = ['light', 'dark'].includes(parts.get('theme')) ? parts.get('theme') : '';
  state.whole = parts.get('all') === '1';
}

/* Which rows, in which order. */
const SIZES = {k: 1e3, m: 1e6, b: 1e9, g: 1e9};
function matches(row, query) {
  const text = columns.filter(c => c.format === 'text').map(c => String(rows[row][columns.indexOf(c)])).join(' ').toLowerCase();
  return query.split(/\s+/).filter(Boolean).every(word => {
    const found = /^@([^:]+):(<=|>=|<|>|=)?(.*)$/.exec(word);
    if (!found) return text.includes(word);
    const [, name, sign, wanted] = found;
    const c = columns.findIndex(x => [x.id, x.name, x.label].some(n => n.toLowerCase() === name));
    if (c < 0) return false;
    const value = first(cellOf(row, c));
    if (value === null) return false;
    if (columns[c].format === 'text') return String(value).toLowerCase().includes(wanted);
    const number = parseFloat(wanted) * (SIZES[wanted.slice(-1)] || 1) / (isPercent(columns[c]) ? 100 : 1);
    return {'<': value < number, '>': value > number, '<=': value <= number, '>=': value >= number}[sign] ?? value === number;
  });
}
const METHOD = columns.findIndex(c => c.id === 'method');
function chosen() {
  const parts = state.q.toLowerCase().split(';').filter(part => part.trim());
  return ids.map((_, row) => row).filter(row => state.pins.includes(ids[row]) ||
    ((!state.methods.length || state.methods.includes(rows[row][METHOD])) && (!parts.length || parts.some(part => matches(row, part)))));
}
function ordered(numbers) {
  const [c, way] = state.sort;
  const key = numbers.map(row => first(cellOf(row, c)));
  const place = numbers.map((_, i) => i).sort((i, j) => {
    const a = key[i], b = key[j];
    if (a === null || b === null) return (a === null) - (b === null) || i - j;
    return way * (a < b ? -1 : a > b ? 1 : 0) || i - j;
  });
  const sorted = place.map(i => numbers[i]);
  const pinned = row => state.pins.includes(ids[row]);
  return [...sorted.filter(pinned), ...sorted.filter(row => !pinned(row))];
}
const taskColumns = columns.map((c, i) => i).filter(i => columns[i].task !== null);
const isCommon = (c, numbers) => numbers.every(row => !missing(rows[row][c]));
function meanOf(row, common) {
  let sum = 0, weights = 0;
  for (const [weight, tasks] of data.domains) {
    const found = common.filter(c => tasks.includes(columns[c].task) && columns[c].span);
    if (!found.length) continue;
    sum += weight * found.reduce((total, c) => total + rescaled(columns[c], first(rows[row][c])), 0) / found.length;
    weights += weight;
  }
  return weights ? sum / weights : null;
}

/* What is shown. */
const kept = new Map();
function put(td, text, half) {
  if (!kept.has(td)) kept.set(td, [...td.childNodes]);
  td.replaceChildren(...kept.get(td));
  if (text === null) return;
  const link = one('a', td);
  const copy = link ? link.cloneNode() : null;
  const parts = [copy || document.createTextNode(text)];
  if (copy) copy.textContent = text;
  if (half) parts.push(element('i', '±' + half));
  td.replaceChildren(...parts, ...all('svg', td));
}
function rankText(cell) { const e = ends(cell); return !e || e[0] === e[1] ? String(first(cell)) : `${first(cell)} (${e[0]}–${e[1]})`; }
let shown = [], common = [];
function draw() {
  root.dataset.theme = state.theme;
  if (!state.theme) delete root.dataset.theme;
  weigh();
  const numbers = ordered(chosen());
  common = taskColumns.filter(c => isCommon(c, numbers));
  for (const c of taskColumns) {
    const hide = state.common && !common.includes(c);
    head.cells[c + 1].hidden = hide;
    for (const line of lines) line.cells[c + 1].hidden = hide;
  }
  const extra = columns.length + 1;
  for (const line of [head, ...lines]) if (line.cells[extra]) line.cells[extra].remove();
  if (state.common) {
    head.append(element('th', `Mean of ${common.length} common`, {scope: 'col'}));
    lines.forEach((line, row) => { const mean = numbers.includes(row) ? meanOf(row, common) : null; line.insertCell().textContent = mean === null ? '–' : fixed(100 * mean, 1); });
  }
  const limit = state.whole ? numbers.length : Math.max(data.page, state.pins.length);
  shown = numbers.slice(0, limit);
  const visible = new Set(shown);
  lines.forEach((line, row) => {
    line.hidden = !visible.has(row);
    line.classList.toggle('pinned', state.pins.includes(ids[row]));
    one('input', line).checked = state.pins.includes(ids[row]);
    columns.forEach((column, c) => {
      const td = line.cells[c + 1], score = column.id === 'rank' || column.id === 'score';
      if (column.task === null && !score) return;
      const other = column.task !== null ? state.norm && column.span : state.mode;
      const cell = other ? cellOf(row, c) : null;
      if (!other || missing(cell)) { if (kept.has(td)) put(td, null); return; }
      const half = halfOf(cell);
      if (column.id === 'rank') put(td, rankText(cell)); else put(td, percent(cell), half === null ? '' : fixed(half, decimals(half)));
    });
  });
  body.append(...shown.map(row => lines[row]), ...lines.filter((_, row) => !visible.has(row)));
  [...head.cells].forEach((th, c) => {
    th.removeAttribute('aria-sort');
    if (c - 1 === state.sort[0]) th.setAttribute('aria-sort', state.sort[1] > 0 ? 'ascending' : 'descending');
  });
  one('#q').value !== state.q && (one('#q').value = state.q);
  for (const flag of flags) one('#' + flag)?.setAttribute('aria-pressed', String(state[flag]));
  for (const input of all('#facets input')) input.checked = state.methods.includes(input.value);
  one('#more').hidden = shown.length === numbers.length;
  one('#more').textContent = `Show all ${numbers.length} rows`;
  one('#status').textContent = `${shown.length} of ${ids.length} rows` + (state.common ? `; ${common.length} of ${taskColumns.length} tasks are common to them` : '') + (state.mode ? '; intervals and ranks over tasks' : '');
  compare();
  write();
}

/* Downloads of what is shown. */
const visibleColumns = () => columns.map((_, c) => c).filter(c => box(columns[c]).checked && !head.cells[c + 1].hidden);
function tableOf() {
  const cs = visibleColumns();
  const withEnds = cs.map(c => shown.some(row => ends(cellOf(row, c))));
  const names = cs.flatMap((c, i) => withEnds[i] ? [columns[c].name, columns[c].name + ':low', columns[c].name + ':high'] : [columns[c].name]);
  return [names, shown.map(row => cs.flatMap((c, i) => { const cell = cellOf(row, c); return withEnds[i] ? [first(cell), ...(ends(cell) || [null, null])] : [first(cell)]; }))];
}
const oneLine = text => [...String(text)].map(ch => /[\p{C}\p{Zl}\p{Zp}\s]/u.test(ch) ? ' ' : ch).join('').replace(/ +/g, ' ').trim();
const guarded = x => typeof x !== 'string' ? (x === null ? '' : String(x)) : (text => /^[=+\-@]/.test(text) ? "'" + text : text)(oneLine(x));
const quoted = text => /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
const texts = () => { const cs = visibleColumns(); return [cs.map(c => oneLine(columns[c].label)), shown.map(row => cs.map(c => oneLine(cellText(row, c))))]; };
function cellText(row, c) {
  if (columns[c].format === 'text') return first(rows[row][c]);
  const td = lines[row].cells[c + 1];
  const small = one('i', td);
  const main = [...td.childNodes].filter(node => node !== small && node.nodeName !== 'svg').map(node => node.textContent).join('');
  return main + (small ? ' ' + small.textContent : '');
}
const TEX = {'\\': '\\textbackslash{}', '{': '\\{', '}': '\\}', '$': '\\$', '&': '\\&', '#': '\\#', '_': '\\_', '%': '\\%', '^': '\\^{}', '~': '\\~{}', '–': '--', '±': '$\\pm$'};
const exporters = {
  CSV: () => { const [names, lists] = tableOf(); return [names, ...lists].map(list => list.map(x => quoted(guarded(x))).join()).join('\n') + '\n'; },
  JSON: () => { const [names, lists] = tableOf(); return JSON.stringify({schema: 'fmbench.view/1', board: data.board, columns: names, rows: lists}, null, 1) + '\n'; },
  Markdown: () => { const [names, lists] = texts(); const safe = x => x.replace(/[\\`*_{}\[\]<>|#!&]/g, '\\$&'); return [names, names.map(() => '---'), ...lists].map((list, i) => '| ' + (i === 1 ? list : list.map(safe)).join(' | ') + ' |').join('\n') + '\n'; },
  LaTeX: () => { const [names, lists] = texts(); const safe = x => x.replace(/[\\{}$&#_%^~–±]/g, ch => TEX[ch]); return `\\begin{tabular}{${'l'.repeat(names.length)}}\n\\hline\n` + [names, ...lists].map(list => list.map(safe).join(' & ') + ' \\\\').join('\n') + '\n\\hline\n\\end{tabular}\n'; },
};
const SUFFIX = {CSV: 'csv', JSON: 'json', Markdown: 'md', LaTeX: 'tex'};
function save(kind) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([exporters[kind]()], {type: 'text/plain;charset=utf-8'}));
  link.download = `${data.board}.${SUFFIX[kind]}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/* Two to four pinned rows, task by task. */
const loaded = {};
window.fmbenchPairs = (id, found) => { loaded[id] = found; compare(); };
function pairLines(i, j) {
  if (data.pairs) return data.pairs[i][j - i - 1];
  const own = loaded[ids[i]];
  if (own) return own[j - i - 1];
  if (data.shards && own === undefined) {
    loaded[ids[i]] = null;
    const script = document.createElement('script');
    script.src = `data/pairs-${ids[i]}.js`;
    document.head.append(script);
  }
  return null;
}
function holm(list) {
  const order = list.map((_, i) => i).sort((a, b) => list[a] - list[b]);
  const adjusted = [];
  let most = 0;
  order.forEach((i, k) => { most = Math.max(most, Math.min(1, list[i] * (list.length - k))); adjusted[i] = most; });
  return adjusted;
}
const NAME = columns.findIndex(c => c.id === 'model');
const nameOf = row => `${rows[row][NAME]} · ${rows[row][METHOD]}`;
const points = x => x === null ? '–' : fixed(100 * x, 1);
function compare() {
  const place = one('#compared'), section = one('#compare');
  const picked = state.pins.map(id => ids.indexOf(id)).sort((a, b) => a - b);
  section.hidden = picked.length < 2 || picked.length > 4;
  place.replaceChildren();
  if (section.hidden) return;
  const tests = [];
  for (const [k, i] of picked.entries()) for (const j of picked.slice(k + 1)) {
    const found = pairLines(i, j);
    if (!found) { place.append(element('p', data.shards ? 'Loading the comparisons from data/ …' : 'No comparisons here: the board has too many rows.', {class: 'dim'})); return; }
    found.forEach((line, t) => line && tests.push({i, j, t, line}));
  }
  const known = tests.filter(test => test.line[2] !== null);
  holm(known.map(test => test.line[2])).forEach((p, k) => { known[k].p = p; });
  const widest = Math.max(0.01, ...tests.map(({line}) => Math.abs(line[0]) + (line[1] || 0)));
  for (const [k, i] of picked.entries()) for (const j of picked.slice(k + 1)) {
    const title = document.createElement('h3');
    title.append(element('bdi', nameOf(i)), ' − ', element('bdi', nameOf(j)));
    const table = element('table', '', {class: 'plain'});
    const top = table.createTHead().insertRow();
    for (const name of ['Task', 'Difference', '95 % interval', '', 'Items won, lost', 'p (Holm)', 'Detectable']) top.append(name ? element('th', name, {scope: 'col'}) : element('td', ''));
    const inside = table.createTBody();
    for (const {line: [difference, half, , won, lost, smallest], t, p} of tests.filter(test => test.i === i && test.j === j)) {
      const row = inside.insertRow();
      row.insertCell().append(element('bdi', data.tasks[t]));
      row.insertCell().textContent = points(difference);
      row.insertCell().textContent = half === null ? '–' : `${points(difference - half)} to ${points(difference + half)}`;
      row.insertCell().innerHTML = forest(difference, half, widest);
      row.insertCell().textContent = won === null ? '–' : `${won}, ${lost}`;
      row.insertCell().textContent = p === undefined ? '–' : p < 0.001 ? '< 0.001' : p.toFixed(3);
      row.insertCell().textContent = points(smallest);
    }
    const scroll = element('div', '', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `comparison ${place.children.length}`});
    scroll.append(table);
    const clear = way => tests.filter(test => test.i === i && test.j === j && test.p <= 0.05 && way * test.line[0] > 0).length;
    place.append(title, element('p', `First better on ${clear(1)}, worse on ${clear(-1)} of ${inside.rows.length} tasks (Holm, 5 %).`), scroll);
  }
}
function forest(difference, half, widest) {
  const at = x => (40 + 36 * x / widest).toFixed(1);
  const span = half === null ? '' : `<path d="M${at(difference - half)} 5H${at(difference + half)}"/>`;
  return `<svg viewBox="0 0 80 10" aria-hidden="true"><path d="M40 0V10" class="g"/>${span}<circle cx="${at(difference)}" cy="5" r="3"/></svg>`;
}

/* Hands on. */
const change = update => { Object.assign(state, update); draw(); };
[...head.cells].forEach((th, place) => {
  const c = place - 1, button = one('button', th);
  if (c < 0) return;
  button.addEventListener('click', () => {
    const best = columns[c].up ? -1 : 1;
    const [now, way] = state.sort;
    change({sort: now !== c ? [c, best] : way === best ? [c, -best] : [0, 1]});
  });
  const more = one('[data-domain]', th);
  more?.addEventListener('click', () => {
    const own = columns.filter(x => x.task !== null && x.domain === Number(more.dataset.domain));
    const open = own.every(x => box(x).checked);
    for (const x of own) box(x).checked = !open;
    draw();
  });
});
lines.forEach((line, row) => one('input', line).addEventListener('change', event => {
  const pins = state.pins.filter(id => id !== ids[row]);
  change({pins: event.target.checked ? [...pins, ids[row]] : pins});
  event.target.focus();
}));
one('#q').addEventListener('input', event => change({q: event.target.value}));
one('#facets').addEventListener('change', () => change({methods: all('#facets input:checked').map(input => input.value)}));
one('#chooser').addEventListener('change', () => draw());
for (const input of sliders) input.addEventListener('input', () => change({weights: asWeights(sliders.map(each => each.value))}));
for (const button of all('[data-group]')) button.addEventListener('click', () => {
  const inputs = all('input', button.parentElement), on = !inputs.every(input => input.checked);
  for (const input of inputs) input.checked = on;
  draw();
});
for (const flag of flags) one('#' + flag)?.addEventListener('click', () => change({[flag]: !state[flag]}));
one('#theme').addEventListener('click', () => {
  const dark = state.theme ? state.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  change({theme: dark ? 'light' : 'dark'});
});
one('#link').addEventListener('click', async () => {
  try { await navigator.clipboard.writeText(location.href); one('#status').textContent = 'Link copied.'; } catch { one('#status').textContent = location.href; }
});
one('#reset').addEventListener('click', () => { for (const c of columns) box(c).checked = c.shown; change(DEFAULTS()); });
one('#more').addEventListener('click', () => change({whole: true}));
for (const button of all('[data-export]')) button.addEventListener('click', () => save(button.dataset.export));
document.addEventListener('keydown', event => {
  if (event.key === '/' && !/INPUT|SELECT|TEXTAREA/.test(event.target.nodeName)) { event.preventDefault(); one('#q').focus(); }
  if (event.key === 'Escape' && event.target.id === 'q') change({q: ''});
});
addEventListener('hashchange', () => { read(); draw(); });
read();
draw();
})();
