// A browser that runs no scripts: keeps cookies, follows redirects, fills in forms.

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#34": '"', "#39": "'", "#x27": "'" };
const unescape = (text) => text.replace(/&(\w+|#\w+);/g, (whole, name) => ENTITIES[name] ?? whole);

function attributes(tag) {
  const found = {};
  for (const [, name, , quoted] of tag.matchAll(/([\w-]+)(=(?:"([^"]*)"))?/g)) found[name] = unescape(quoted ?? "");
  return found;
}

function form(opening, body) {
  const fields = new URLSearchParams();
  const controls = [...body.matchAll(/<(?:input|select|textarea)\b([^>]*)>/g)].map(([, tag]) => attributes(tag));
  for (const control of controls) {
    const ticked = !["checkbox", "radio"].includes(control.type) || "checked" in control;
    if (control.name && ticked) fields.append(control.name, control.value ?? (control.type === "checkbox" ? "on" : ""));
  }
  const buttons = [...body.matchAll(/<button\b([^>]*)>([^]*?)<\/button>/g)].map(([, tag, text]) => ({
    ...attributes(tag),
    text: unescape(text.replace(/<[^>]*>/g, "")).trim(),
  }));
  return { ...attributes(opening), controls, fields, buttons };
}

export class Browser {
  #cookies = new Map();

  // `home`: the origin to stay at. A redirect to any other place is returned and not followed.
  constructor(home) {
    this.home = new URL(home).origin;
  }

  get cookies() {
    return new Map(this.#cookies);
  }

  async open(url, body) {
    const response = await fetch(url, {
      method: body ? "POST" : "GET",
      body,
      redirect: "manual",
      headers: {
        Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        ...(body && { Origin: this.home }),
      },
    });
    for (const cookie of response.headers.getSetCookie()) this.#keep(cookie);
    const location = response.headers.get("location");
    if (!location) return this.#page(new URL(url), response);
    const target = new URL(location, url);
    return target.origin === this.home ? this.open(target) : { left: true, url: target };
  }

  // Presses the button whose text matches, in the form that has it.
  async press(page, text, values = {}) {
    for (const candidate of page.forms) {
      const button = candidate.buttons.find((one) => text.test(one.text));
      if (button) return this.#submit(page, candidate, button, values);
    }
    throw new Error(`no button ${text} on ${page.url}:\n${page.text}`);
  }

  #submit(page, { action, method, fields }, button, values) {
    const filled = new URLSearchParams(fields);
    for (const [name, value] of Object.entries(values)) filled.set(name, value);
    if (button.name) filled.append(button.name, button.value);
    const target = new URL(action || page.url, page.url);
    if (method?.toLowerCase() === "post") return this.open(target, filled);
    target.search = filled;
    return this.open(target);
  }

  async #page(url, response) {
    const text = await response.text();
    const forms = [...text.matchAll(/<form\b([^>]*)>([^]*?)<\/form>/g)].map(([, opening, body]) => form(opening, body));
    return { left: false, url, status: response.status, headers: response.headers, text, forms };
  }

  #keep(line) {
    const [pair, ...flags] = line.split(/;\s*/);
    const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
    if (flags.some((flag) => /^max-age=0$/i.test(flag)) || value === "" || value === '""') this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}
