/** A menu of pages: rows that lead to choices, or do something. Works by mouse, touch, keyboard and screen reader. */

import { el, icon } from './dom.js';

/**
 * @typedef {import('./dom.js').IconName} IconName
 * @typedef {{label: string, value?: string, icon?: IconName, checked?: boolean, page?: () => Page, act?: () => void}} Row
 *   a row with a `page` leads there; one with `checked` is one of several choices
 * @typedef {{title: string, rows: Row[]}} Page
 */

export class Menu {
  #root;
  #opener;
  /** What the page shows now. */ #said = '';
  /** The pages on the way to the one that shows. @type {(() => Page)[]} */ #path = [];
  element = el('div', { class: 'menu', hidden: true });

  /**
   * @param {HTMLElement} opener  the button that opens it
   * @param {() => Page} root
   */
  constructor(opener, root) {
    this.#root = root;
    this.#opener = opener;
    opener.setAttribute('aria-haspopup', 'menu');
    opener.setAttribute('aria-expanded', 'false');
    opener.addEventListener('click', () => (this.open ? this.close() : this.show()));
    this.element.addEventListener('keydown', (event) => this.#key(event));
    document.addEventListener('pointerdown', ({ target }) => {
      const inside = target instanceof Node && (this.element.contains(target) || opener.contains(target));
      if (this.open && !inside) this.#hide();
    });
  }

  get open() {
    return !this.element.hidden;
  }

  show() {
    this.#path = [this.#root];
    this.element.hidden = false;
    this.#opener.setAttribute('aria-expanded', 'true');
    this.#draw();
    this.#focus();
  }

  close() {
    if (!this.open) return;
    this.#hide();
    this.#opener.focus();
  }

  #hide() {
    this.element.hidden = true;
    this.#opener.setAttribute('aria-expanded', 'false');
  }

  /** Says anew what has changed; nobody loses their place, or the row that they are pressing. */
  update() {
    if (!this.open || this.element.matches(':active') || this.#said === JSON.stringify(this.#page)) return;
    const at = this.#items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    this.#draw();
    if (at >= 0) this.#items[Math.min(at, this.#items.length - 1)]?.focus();
  }

  /** @returns {HTMLElement[]} */
  get #items() {
    return [...this.element.querySelectorAll('button')];
  }

  #focus() {
    const items = this.#items;
    const chosen = items.find((item) => item.getAttribute('aria-checked') === 'true');
    (chosen ?? items[this.#path.length > 1 ? 1 : 0])?.focus();
  }

  get #page() {
    return this.#path[this.#path.length - 1]();
  }

  #draw() {
    const page = this.#page;
    const { title, rows } = page;
    this.#said = JSON.stringify(page);
    const nested = this.#path.length > 1;
    const back = el('button', { type: 'button', role: 'menuitem', class: 'row back' }, icon('back'), el('span', {}, title));
    back.addEventListener('click', () => this.#back());
    const items = rows.map((row) => this.#row(row));
    const drawn = [...(nested ? [back] : []), ...items];
    this.element.replaceChildren(el('div', { role: 'menu', 'aria-label': title }, ...drawn));
  }

  /** @param {Row} row */
  #row({ label, value, icon: picture, checked, page, act }) {
    const choice = checked !== undefined;
    const role = choice ? 'menuitemradio' : 'menuitem';
    const button = el('button', { type: 'button', class: 'row', role, 'aria-checked': choice ? String(checked) : undefined });
    if (choice) button.append(el('span', { class: 'tick' }, checked && icon('check')));
    else if (picture) button.append(icon(picture));
    button.append(el('span', { class: 'label' }, label));
    if (value) button.append(el('span', { class: 'value' }, value));
    if (page) button.append(icon('next'));
    button.addEventListener('click', () => {
      if (page) return this.#enter(page);
      if (!choice) this.close(); // First: what opens a window now gives the focus back to who had it then.
      act?.();
      if (choice) this.#back();
    });
    return button;
  }

  /** @param {() => Page} page */
  #enter(page) {
    this.#path.push(page);
    this.#draw();
    this.#focus();
  }

  #back() {
    this.#path.pop();
    if (!this.#path.length) return this.close();
    this.#draw();
    this.#focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const items = this.#items;
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const last = items.length - 1;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => items[at < last ? at + 1 : 0]?.focus(),
      ArrowUp: () => items[at > 0 ? at - 1 : last]?.focus(),
      Home: () => items[0]?.focus(),
      End: () => items[last]?.focus(),
      Escape: () => this.#back(),
      ArrowLeft: () => this.#path.length > 1 && this.#back(),
      Tab: () => this.close(),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
}
