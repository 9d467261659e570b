// Which rows of a long list are in the document. All rows have one height, so that this is a division.

const spare = 2;

/** ListWindow is the part of a list that is seen in a box which scrolls. */
export class ListWindow {
  first = $state(0);
  end = $state(0);
  #box: HTMLElement | undefined;
  #count = 0;
  #size = 1;
  #head = 0;
  #due: number | undefined;

  /** Follows a box until the returned function is called. */
  attach(box: HTMLElement): () => void {
    this.#box = box;
    const read = () => this.#read();
    box.addEventListener("scroll", read, { passive: true });
    const observer = new ResizeObserver(read);
    observer.observe(box);
    return () => {
      box.removeEventListener("scroll", read);
      observer.disconnect();
      this.#box = undefined;
    };
  }

  /** Says how many rows there are, how high one is, and how high what stands over them. */
  resize(count: number, size: number, head: number) {
    this.#count = count;
    this.#size = size;
    this.#head = head;
    this.settle();
    this.#read();
  }

  /** Scrolls until the row is seen whole. */
  show(index: number) {
    const box = this.#box;
    if (!box || index < 0) return;
    const top = index * this.#size;
    const room = box.clientHeight - this.#head;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + this.#size > box.scrollTop + room) box.scrollTop = top + this.#size - room;
    this.#read();
  }

  /** The row at the upper edge, and how much of it is above that. */
  get edge(): { index: number; hidden: number } {
    const top = this.#box?.scrollTop ?? 0;
    return { index: Math.floor(top / this.#size), hidden: top % this.#size };
  }

  /** Puts a row of the rows to come at the upper edge. These are in the document first: what has the focus keeps it. */
  put(index: number, hidden: number) {
    const rows = this.end - this.first;
    this.first = Math.max(0, index - spare);
    this.end = this.first + rows;
    this.#due = index * this.#size + hidden;
  }

  /** Scrolls to the row that was put, now that the rows are in the document. */
  settle() {
    if (this.#due === undefined || !this.#box) return;
    this.#box.scrollTop = this.#due;
    this.#due = undefined;
    this.#read();
  }

  #read() {
    const top = this.#box?.scrollTop ?? 0;
    const height = Math.max(0, (this.#box?.clientHeight ?? 0) - this.#head);
    this.first = Math.max(0, Math.min(this.#count, Math.floor(top / this.#size)) - spare);
    this.end = Math.min(this.#count, Math.ceil((top + height) / this.#size) + spare);
  }
}
