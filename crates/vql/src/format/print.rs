//! Decides where lines break: a group stays on one line if it fits, otherwise all its own breaks are taken.

/// Columns a line may have.
const WIDTH: usize = 80;

/// Columns of one level of indentation.
const STEP: usize = 2;

/// Looking whether a group fits gives up after this many items. Ordinary text fills a line long before; text that
/// starts new lines by itself (raw strings) could otherwise be walked once for every group around it.
const LONGEST_LOOK: usize = 1_000;

#[derive(Clone, Copy)]
pub(super) enum Item<'s> {
    /// Text with the width of its first line (0: never the reason for a break), and of its last line if it has
    /// several.
    Text(&'s str, usize, Option<usize>),
    Space,
    /// A new line, or a space on one line.
    Line,
    /// A new line, or nothing on one line.
    Soft,
    /// A new line in any case; groups around it cannot be on one line.
    Hard,
    /// The same with an empty line before it.
    Blank,
    Open,
    Close,
    Indent,
    Dedent,
    Nothing,
}

impl<'s> Item<'s> {
    /// A comment up to the end of the line, which may stick out.
    pub(super) fn line_comment(text: &'s str) -> Self {
        Item::Text(text, 0, None)
    }

    pub(super) fn text(text: &'s str) -> Self {
        match text.rsplit_once('\n') {
            None => Item::Text(text, text.chars().count(), None),
            Some((before, last)) => {
                let first = before.split('\n').next().unwrap_or_default();
                Item::Text(text, first.chars().count(), Some(last.chars().count()))
            }
        }
    }
}

/// What is owed before the next text; the greater wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Blank,
}

pub(super) fn print(items: &[Item]) -> String {
    let mut printer = Printer { out: String::new(), column: 0, indent: 0, gap: Gap::None };
    let broken = broken_groups(items);
    let mut flat = vec![false];
    for (i, item) in items.iter().enumerate() {
        let is_flat = flat.last().copied().unwrap_or(false);
        match item {
            Item::Text(text, first, last) => printer.text(text, *first, *last),
            Item::Space => printer.owe(Gap::Space),
            Item::Line => printer.owe(if is_flat { Gap::Space } else { Gap::Line }),
            Item::Soft => printer.owe(if is_flat { Gap::None } else { Gap::Line }),
            Item::Hard => printer.owe(Gap::Line),
            Item::Blank => printer.owe(Gap::Blank),
            Item::Open => flat.push(is_flat || !broken[i] && fits(&items[i..], printer.start())),
            Item::Close => drop(flat.pop()),
            Item::Indent => printer.indent += STEP,
            Item::Dedent => printer.indent -= STEP,
            Item::Nothing => {}
        }
    }
    printer.out.push('\n');
    printer.out
}

struct Printer {
    out: String,
    column: usize,
    indent: usize,
    gap: Gap,
}

impl Printer {
    fn owe(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// The column where the next text will stand.
    fn start(&self) -> usize {
        match self.gap {
            Gap::None => self.column,
            Gap::Space => self.column + 1,
            Gap::Line | Gap::Blank => self.indent,
        }
    }

    fn text(&mut self, text: &str, first: usize, last: Option<usize>) {
        self.column = self.start();
        if !self.out.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.out.push(' '),
                Gap::Line => self.out.push('\n'),
                Gap::Blank => self.out.push_str("\n\n"),
            }
            if self.gap >= Gap::Line {
                self.out.extend(std::iter::repeat_n(' ', self.indent));
            }
        }
        self.gap = Gap::None;
        self.out.push_str(text);
        self.column = last.unwrap_or(self.column + first);
    }
}

/// For each item that opens a group: whether something inside needs a new line.
fn broken_groups(items: &[Item]) -> Vec<bool> {
    let mut broken = vec![false; items.len()];
    let mut open: Vec<usize> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Open => open.push(i),
            Item::Hard | Item::Blank => {
                if let Some(group) = open.last() {
                    broken[*group] = true;
                }
            }
            Item::Close => {
                let inner = open.pop().is_some_and(|group| broken[group]);
                if let Some(group) = open.last() {
                    broken[*group] |= inner;
                }
            }
            _ => {}
        }
    }
    broken
}

/// Whether the group that opens `items`, on one line from `column` on, and what sticks to its end fit.
fn fits(items: &[Item], mut column: usize) -> bool {
    let mut depth = 0_usize;
    let mut space = 0;
    let mut closed = false;
    for item in items.iter().take(LONGEST_LOOK) {
        match item {
            Item::Text(_, 0, _) => {}
            Item::Text(_, first, last) => {
                column += space + first;
                space = 0;
                if column > WIDTH {
                    return false;
                }
                column = last.unwrap_or(column);
            }
            // Behind the group any chance to break will do.
            Item::Line | Item::Soft | Item::Hard | Item::Blank if closed => return true,
            Item::Line | Item::Space => space = 1,
            Item::Open => depth += 1,
            Item::Close => {
                depth = depth.saturating_sub(1);
                closed |= depth == 0;
            }
            _ => {}
        }
    }
    items.len() <= LONGEST_LOOK
}
