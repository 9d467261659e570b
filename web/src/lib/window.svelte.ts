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

  #read() {
    const top = this.#box?.scrollTop ?? 0;
    const height = Math.max(0, (this.#box?.clientHeight ?? 0) - this.#head);
    this.first = Math.max(0, Math.min(this.#count, Math.floor(top / this.#size)) - spare);
    this.end = Math.min(this.#count, Math.ceil((top + height) / this.#size) + spare);
  }
}
