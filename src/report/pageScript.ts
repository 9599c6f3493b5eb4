/**
 * The page's only script, as the browser runs it: it fills a chain from its template when it is opened, searches and
 * filters, opens the chain that the address names, and opens what is shown before printing. It writes no markup.
 */
export const PAGE_SCRIPT = `'use strict'
const MOST_PRINTED = 200
const chains = [...document.querySelectorAll('details.chain')]
const form = document.querySelector('form.tools')
const texts = new Map()

function fill(chain) {
  const template = chain.querySelector(':scope > template')
  if (template) template.replaceWith(template.content)
}
function textOf(chain) {
  if (!texts.has(chain)) {
    const template = chain.querySelector(':scope > template')
    texts.set(chain, (chain.textContent + ' ' + (template ? template.content.textContent : '')).toLowerCase())
  }
  return texts.get(chain)
}
function filter() {
  const data = new FormData(form)
  const words = String(data.get('text')).toLowerCase().split(/\\s+/).filter(Boolean)
  const wanted = [...data].filter(([name, value]) => name !== 'text' && value !== '')
  let shown = 0
  for (const chain of chains) {
    const fits = wanted.every(([name, value]) => (chain.dataset[name] || '').split(' ').includes(value))
    chain.hidden = !(fits && words.every((word) => textOf(chain).includes(word)))
    if (!chain.hidden) shown++
  }
  form.querySelector('output').textContent = shown.toLocaleString('en-US') + ' of ' + chains.length.toLocaleString('en-US')
}
function openNamed() {
  const chain = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (!chain || !chain.matches('details.chain')) return
  chain.open = true
  chain.scrollIntoView()
}
document.addEventListener('toggle', (event) => {
  if (event.target.open && event.target.matches('details.chain')) fill(event.target)
}, true)
addEventListener('beforeprint', () => {
  const shown = chains.filter((chain) => !chain.hidden)
  if (shown.length > MOST_PRINTED) return
  for (const chain of shown) {
    fill(chain)
    chain.open = true
  }
})
addEventListener('hashchange', openNamed)
if (form) {
  let waiting = 0
  form.addEventListener('input', () => {
    cancelAnimationFrame(waiting)
    waiting = requestAnimationFrame(filter)
  })
  form.addEventListener('submit', (event) => event.preventDefault())
  filter()
}
openNamed()
`
