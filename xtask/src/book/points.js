// The filter of the compatibility page. Without it, the page has the whole table. A filter is part of the page's address, such as
// `compatibility.html?answer=deviation&text=query`.
(() => {
    'use strict';
    const box = document.getElementById('points');
    const rows = box ? Array.from(box.querySelectorAll('tbody tr')) : [];
    if (rows.length === 0) return;

    const form = document.createElement('form');
    form.setAttribute('role', 'search');
    const labelled = (name, control) => {
        const label = document.createElement('label');
        label.append(name, control);
        control.name = name;
        form.append(label);
        return control;
    };
    const headings = Array.from(box.querySelectorAll('thead th'), cell => cell.textContent);
    const selects = [3, 4, 5].map(column => {
        const select = labelled(headings[column], document.createElement('select'));
        const values = new Set(rows.map(row => row.cells[column].textContent));
        for (const value of ['', ...values]) select.append(new Option(value || 'all', value));
        return [column, select];
    });
    const search = labelled('text', document.createElement('input'));
    search.type = 'search';
    const count = document.createElement('output');
    form.append(count);

    const filter = () => {
        const words = search.value.toLowerCase().split(/\s+/);
        let shown = 0;
        for (const row of rows) {
            const text = row.textContent.toLowerCase();
            row.hidden = !(words.every(word => text.includes(word)) &&
                selects.every(([column, select]) => select.value === '' || row.cells[column].textContent === select.value));
            shown += row.hidden ? 0 : 1;
        }
        count.textContent = `${shown} of ${rows.length} clauses`;
    };
    form.addEventListener('input', () => {
        filter();
        const chosen = Array.from(new FormData(form)).filter(([, value]) => value !== '');
        const query = new URLSearchParams(chosen).toString();
        history.replaceState(null, '', location.pathname + (query && `?${query}`) + location.hash);
    });
    form.addEventListener('submit', event => event.preventDefault());
    // The keys of the book, such as S for its search, do not apply to what is typed here.
    form.addEventListener('keydown', event => event.stopPropagation());
    box.prepend(form);
    for (const [name, value] of new URLSearchParams(location.search)) {
        const control = form.elements.namedItem(name);
        if (control) control.value = value;
    }
    filter();
})();
