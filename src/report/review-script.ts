/**
 * The script of a review page, as text: it runs in a browser, without a framework, from a file. Filters, decisions that the
 * browser remembers, keys, and the export. Cards are in the page already; nothing is drawn here.
 *
 * It reads of each card `data-image`, `-label`, `-sha256`, `-kinds`, `-suggested`, and of the page `data-review`.
 */
export const REVIEW_SCRIPT = `'use strict';
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const cards = all('.card');
  const store = 'soma-review-' + document.body.querySelector('main').dataset.review;
  const classes = all('option', cards[0]?.querySelector('select') ?? document).map((option) => option.value);
  let decisions = {};
  try { decisions = JSON.parse(localStorage.getItem(store) ?? '{}'); } catch {}
  let current = null;

  const save = () => { try { localStorage.setItem(store, JSON.stringify(decisions)); } catch {} };
  const shown = () => cards.filter((card) => !card.hidden);

  function show(card) {
    const decision = decisions[card.dataset.image];
    for (const radio of all('input[type=radio]', card)) radio.checked = radio.value === decision?.decision;
    if (decision?.to) card.querySelector('select').value = decision.to;
    card.querySelector('.why').value = decision?.why ?? '';
    card.classList.toggle('decided', decision !== undefined);
    const to = decision?.decision === 'relabel' ? ' to ' + decision.to : '';
    card.querySelector('output').textContent = decision ? decision.decision + to : '';
  }

  function count() {
    const decided = cards.filter((card) => decisions[card.dataset.image]).length;
    byId('decided').textContent = decided + ' of ' + cards.length + ' decided, ' + shown().length + ' shown';
    for (const button of all('.export')) button.disabled = decided === 0;
  }

  function decide(card, decision, to) {
    const why = card.querySelector('.why').value;
    const changed = decision === 'relabel'
      ? { decision, to: to ?? card.querySelector('select').value, why }
      : { decision, why };
    if (decision === 'relabel' && changed.to === card.dataset.label) changed.decision = 'keep';
    if (changed.decision === 'keep') delete changed.to;
    if (decision) decisions[card.dataset.image] = changed;
    else delete decisions[card.dataset.image];
    save();
    show(card);
    count();
  }

  function filter() {
    const kind = byId('kind').value;
    const label = byId('label').value;
    const likely = byId('likely').value;
    const open = byId('open').checked;
    for (const card of cards) {
      const { kinds, label: given, suggested, image } = card.dataset;
      card.hidden =
        (kind !== '' && !kinds.split(' ').includes(kind)) ||
        (label !== '' && given !== label) ||
        (likely !== '' && suggested !== likely) ||
        (open && decisions[image] !== undefined);
    }
    count();
  }

  function select(card, focus = true) {
    current?.classList.remove('current');
    current = card;
    card.classList.add('current');
    if (!focus) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: 'center' });
  }

  function step(by) {
    const list = shown();
    if (list.length === 0) return;
    const at = list.indexOf(current);
    select(list[at < 0 ? 0 : Math.min(list.length - 1, Math.max(0, at + by))]);
  }

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    y: () => act('keep'),
    x: () => act('remove'),
    a: () => current?.dataset.suggested && act('relabel', current.dataset.suggested),
    u: () => current && decide(current, null),
    r: () => current?.querySelector('select').focus(),
    w: () => current?.querySelector('.why').focus(),
  };
  function act(decision, to) {
    if (!current) return step(1);
    decide(current, decision, to);
    step(1);
  }
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches('input[type=text], select');
    if (typing && event.key === 'Escape') return current?.focus();
    if (typing) return;
    const digit = Number(event.key);
    const action = digit >= 1 && digit <= classes.length
      ? () => act('relabel', classes[digit - 1])
      : keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });

  for (const card of cards) {
    show(card);
    card.addEventListener('focusin', () => select(card, false));
    card.addEventListener('click', () => select(card, false));
    for (const radio of all('input[type=radio]', card))
      radio.addEventListener('change', () => decide(card, radio.value));
    card.querySelector('select').addEventListener('change', () => decide(card, 'relabel'));
    card.querySelector('.why').addEventListener('input', () => {
      const decision = decisions[card.dataset.image];
      if (decision) decide(card, decision.decision, decision.to);
    });
  }
  for (const control of all('.filter')) control.addEventListener('change', filter);

  function rows() {
    return cards.flatMap((card) => {
      const { image, label, sha256 } = card.dataset;
      const made = decisions[image];
      return made ? [{ image, decision: made.decision, to: made.to ?? '', label, why: made.why, sha256 }] : [];
    });
  }
  const quote = (cell) => (/[",\\r\\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell);
  const formats = {
    csv: () => {
      const columns = ['image', 'decision', 'to', 'label', 'why', 'sha256'];
      const lines = [columns, ...rows().map((row) => columns.map((column) => row[column]))];
      return lines.map((cells) => cells.map(quote).join(',') + '\\r\\n').join('');
    },
    json: () => JSON.stringify({ decisions: rows() }, null, 2),
  };
  for (const button of all('.export'))
    button.addEventListener('click', () => {
      const { format } = button.dataset;
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([formats[format]()], { type: 'text/' + format }));
      link.download = 'decisions.' + format;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  byId('forget').addEventListener('click', () => {
    if (!confirm('Forget all decisions on this page?')) return;
    decisions = {};
    save();
    cards.forEach(show);
    filter();
  });
  document.body.classList.add('live');
  filter();
})();
`;
