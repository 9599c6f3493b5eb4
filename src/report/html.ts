/** Markup that is safe to put into a page: made by {@link html}, or by us and marked with {@link trusted}. */
export interface Html {
  readonly markup: string
}

type Content = Html | string | number | null | undefined | false | readonly Content[]

/**
 * A piece of a page. What is put in is escaped unless it is markup already, so text from outside is text wherever it
 * stands: between tags and in quoted attributes. Null, undefined and false are nothing; lists are joined.
 */
export function html(pieces: TemplateStringsArray, ...contents: Content[]): Html {
  // The indentation of our own pieces is no part of the page.
  const parts = pieces.map((piece) => piece.replaceAll(/\n\s+/g, '\n'))
  return { markup: parts.map((part, index) => (index === 0 ? '' : render(contents[index - 1])) + part).join('') }
}

/** Markup of our own, as it is: a style sheet, a script. Never text from outside. */
export function trusted(markup: string): Html {
  return { markup }
}

/** A link where the address is a web page's; the text alone where it is another kind of address, or none. */
export function linkTo(url: string | null, text: Content): Html {
  const address = url === null ? null : webAddress(url)
  return address === null ? html`${text}` : html`<a href="${address}" rel="noreferrer noopener">${text}</a>`
}

/** The address in its canonical spelling when it is http or https, else null: `javascript:` and the like lead nowhere. */
function webAddress(url: string): string | null {
  const parsed = URL.parse(url)
  return parsed !== null && ['http:', 'https:'].includes(parsed.protocol) ? parsed.href : null
}

function render(content: Content): string {
  if (content === null || content === undefined || content === false) return ''
  if (typeof content === 'string') return escape(content)
  if (typeof content === 'number') return String(content)
  return 'markup' in content ? content.markup : content.map(render).join('')
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Escapes what has a meaning in markup. Control characters and those that turn the direction of writing, by which a
 * text can show as another, become a visible box.
 */
function escape(text: string): string {
  return text.replace(HIDDEN, '\u25A1').replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}

const HIDDEN = /[^\P{Cc}\n\t\r]|[\u202A-\u202E\u2066-\u2069]/gu
