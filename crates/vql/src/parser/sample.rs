//! Random programs for property tests: valid by construction, with odd spacing and comments.

/// A tiny generator of random numbers (xorshift); a seed gives the same program for ever.
pub struct Sample {
    state: u64,
    out: String,
    /// Whether to strew comments between tokens.
    comments: bool,
}

const NAMES: &[&str] = &["a", "Pid", "x_1", "`from`", "`a b.c`", "order", "by", "asc", "`t\\tick`"];
const VALUES: &[&str] = &[
    "1",
    "-1",
    "0x1F",
    "010",
    "1.5",
    "-.5",
    "1e3",
    "NULL",
    "true",
    "FALSE",
    "\"a\"",
    "'it\\'s'",
    "'''raw\nlines'''",
    "\"two\nlines\"",
    "\"a long string that makes lines break sooner than later\"",
];
const COMMENTS: &[&str] = &[
    "-- line\n",
    "// slashes\n",
    "/* block */",
    "/* two\n lines */",
    "\n-- own\n",
    "\n\n/* own block */\n",
    "--\n",
];

impl Sample {
    /// Just the random numbers.
    pub fn numbers(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Sample { state, out: String::new(), comments: false }
    }

    pub fn program(seed: u64, comments: bool) -> String {
        let mut sample = Sample { comments, ..Sample::numbers(seed) };
        for _ in 0..=sample.below(4) {
            sample.statement();
        }
        sample.out
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let index = self.below(from.len());
        from[index]
    }

    /// Writes a token and what may stand behind it.
    fn put(&mut self, token: &str) {
        self.out.push_str(token);
        let gap = self.pick(&[" ", " ", " ", "\n", "\t ", "\n\n"]);
        self.out.push_str(gap);
        if self.comments && self.one_in(12) {
            let comment = self.pick(COMMENTS);
            self.out.push_str(comment);
        }
    }

    fn name(&mut self) {
        let name = self.pick(NAMES);
        self.put(name);
    }

    fn repeat(&mut self, most: usize, between: &str, mut item: impl FnMut(&mut Self)) {
        item(self);
        for _ in 0..self.below(most) {
            self.put(between);
            item(self);
        }
    }

    fn statement(&mut self) {
        if self.one_in(2) {
            return self.select(3);
        }
        self.put("LET");
        self.name();
        if self.one_in(3) {
            self.put("(");
            self.repeat(3, ",", |s| {
                s.name();
                if s.one_in(2) {
                    s.put("=");
                    s.arg_value(2);
                }
            });
            self.put(")");
        }
        let equals = self.pick(&["=", "<="]);
        self.put(equals);
        if self.one_in(2) { self.select(3) } else { self.expr(4) }
    }

    fn select(&mut self, depth: usize) {
        if self.one_in(9) {
            self.put("explain");
        }
        self.put("SELECT");
        match self.below(5) {
            0 => self.put("*"),
            1 => {
                self.put("*");
                self.put(",");
                self.repeat(3, ",", |s| s.column(depth));
            }
            2 => {
                self.put("*");
                self.column(depth);
            }
            _ => self.repeat(4, ",", |s| s.column(depth)),
        }
        self.put("From");
        self.name();
        if self.one_in(2) {
            self.args(depth);
        }
        self.clauses(depth);
    }

    fn clauses(&mut self, depth: usize) {
        for clause in ["where", "GROUP  BY"] {
            if self.one_in(3) {
                self.put(clause);
                self.list(depth);
            }
        }
        if self.one_in(3) {
            self.put("order\nby");
            self.name();
            if self.one_in(2) {
                self.put("desc");
            }
        }
        if self.one_in(3) {
            self.put("LIMIT");
            self.put("5");
        }
    }

    fn column(&mut self, depth: usize) {
        if depth > 0 && self.one_in(5) {
            self.put("{");
            self.select(depth - 1);
            self.put("}");
        } else {
            self.expr(depth);
        }
        if self.one_in(3) {
            self.put("AS");
            self.name();
        }
    }

    fn args(&mut self, depth: usize) {
        self.put("(");
        if depth > 0 && !self.one_in(5) {
            self.repeat(3, ",", |s| {
                s.name();
                s.put("=");
                s.arg_value(depth - 1);
            });
        }
        self.put(")");
    }

    fn arg_value(&mut self, depth: usize) {
        match self.below(6) {
            0 if depth > 0 => {
                self.put("{");
                self.select(depth - 1);
                self.put("}");
            }
            1 => {
                self.put("[");
                if self.one_in(2) {
                    self.list(depth.saturating_sub(1));
                }
                self.put("]");
            }
            _ => self.expr(depth),
        }
    }

    fn list(&mut self, depth: usize) {
        self.repeat(3, ",", |s| s.expr(depth));
        if self.one_in(5) {
            self.put(",");
        }
    }

    fn expr(&mut self, depth: usize) {
        let Some(less) = depth.checked_sub(1) else { return self.value(0) };
        match self.below(7) {
            0 => self.operators(less, &["AND", "and", "&&", "OR", "or", "||", "|"]),
            1 => {
                self.put("NOT");
                self.condition(less);
            }
            2 | 3 => self.condition(less),
            _ => self.sum(less),
        }
    }

    fn operators(&mut self, depth: usize, ops: &[&'static str]) {
        self.condition(depth);
        for _ in 0..=self.below(3) {
            let op = self.pick(ops);
            self.put(op);
            self.condition(depth);
        }
    }

    fn condition(&mut self, depth: usize) {
        self.sum(depth);
        if self.one_in(2) {
            let op = self.pick(&["=", "!=", "<>", "<", "<=", ">", ">=", "in", "=~"]);
            self.put(op);
            self.sum(depth);
        }
    }

    fn sum(&mut self, depth: usize) {
        self.member(depth);
        while self.one_in(3) {
            let op = self.pick(&["+", "-", "*", "/"]);
            self.put(op);
            if matches!(op, "*" | "/") {
                self.value(depth)
            } else {
                self.member(depth)
            }
            if matches!(op, "*" | "/") {
                return;
            }
        }
    }

    fn member(&mut self, depth: usize) {
        self.value(depth);
        while self.one_in(5) {
            if self.one_in(2) {
                self.put(".");
                self.name();
                continue;
            }
            self.put("[");
            let shape = self.below(5);
            if shape != 0 && shape != 3 {
                self.value(depth.min(1));
            }
            if shape != 1 {
                self.put(":");
            }
            if shape == 2 || shape == 3 {
                self.value(depth.min(1));
            }
            self.put("]");
        }
    }

    fn value(&mut self, depth: usize) {
        match self.below(5) {
            0 if depth > 0 => {
                self.put("(");
                self.list(depth - 1);
                self.put(")");
            }
            1 | 2 => {
                if self.one_in(6) {
                    self.out.push('-');
                }
                self.name();
                if self.one_in(3) {
                    self.put(".");
                    self.name();
                }
                if depth > 0 && self.one_in(2) {
                    self.args(depth - 1);
                }
            }
            _ => {
                let value = self.pick(VALUES);
                self.put(value);
            }
        }
    }
}
