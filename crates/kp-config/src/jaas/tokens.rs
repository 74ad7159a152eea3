//! Words, quoted texts and signs, cut as `java.io.StreamTokenizer` cuts them with the settings of Kafka's client.
//! Owns: the letters of each kind, the escapes, the comments. Works on characters where Java works on halves of them
//! (UTF-16): every half is a letter of words, so the result is the same.

use kp_sasl::Secret;

/// What is read next.
pub(super) enum Token {
    /// Letters of words, or a text in quotes.
    Text(Secret),
    /// A number. Java turns it into a double, so it is no text.
    Number,
    /// Any other letter.
    Sign(char),
    /// No more.
    End,
}

impl Token {
    pub(super) fn into_text(self) -> Option<Secret> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// Reads a text from its beginning.
pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Bytes that were read.
    at: usize,
    /// Where the newest token begins.
    began: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, began: 0 }
    }

    /// Where the newest token stands, in words.
    pub(super) fn place(&self) -> String {
        let before = self.text.get(..self.began).unwrap_or_default();
        format!("at character {}", before.chars().count() + 1)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn read(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    pub(super) fn next(&mut self) -> Token {
        loop {
            self.began = self.at;
            let Some(letter) = self.read() else { return Token::End };
            return match letter {
                '\0'..=' ' => continue,
                '/' => {
                    self.skip_comment();
                    continue;
                }
                '0'..='9' | '.' | '-' => self.number(letter),
                '"' | '\'' => Token::Text(self.quoted(letter)),
                _ if is_word(letter) => Token::Text(self.word(letter)),
                _ => Token::Sign(letter),
            };
        }
    }

    /// Digits with one point among them. A minus without any is a sign, and so never begins a word.
    fn number(&mut self, first: char) -> Token {
        let mut point_seen = first == '.';
        if first == '-' && !matches!(self.peek(), Some('0'..='9' | '.')) {
            return Token::Sign('-');
        }
        loop {
            match self.peek() {
                Some('0'..='9') => {}
                Some('.') if !point_seen => point_seen = true,
                _ => return Token::Number,
            }
            self.read();
        }
    }

    fn word(&mut self, first: char) -> Secret {
        let mut word = self.buffer();
        push(&mut word, first);
        while let Some(letter) = self.peek().filter(|letter| is_word(*letter)) {
            push(&mut word, letter);
            self.read();
        }
        Secret::from(word)
    }

    /// Until the quote, or the end of the line.
    fn quoted(&mut self, quote: char) -> Secret {
        let mut text = self.buffer();
        while let Some(letter) = self.peek() {
            if matches!(letter, '\n' | '\r') {
                break;
            }
            self.read();
            if letter == quote {
                break;
            }
            let letter = if letter == '\\' { self.escaped() } else { letter };
            push(&mut text, letter);
        }
        Secret::from(text)
    }

    /// What stands behind a backslash: a letter for a control character, up to three octal digits up to 377, or itself.
    fn escaped(&mut self) -> char {
        let Some(first) = self.read() else { return '\\' };
        match first {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let most = if first <= '3' { 3 } else { 2 };
                let mut code = first.to_digit(8).unwrap_or_default();
                for _ in 1..most {
                    let Some(digit) = self.peek().and_then(|letter| letter.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.read();
                }
                char::from_u32(code).unwrap_or_default()
            }
            other => other,
        }
    }

    /// Behind a slash: `/* … */`, or anything else until the end of the line.
    fn skip_comment(&mut self) {
        if self.peek() != Some('*') {
            while self.peek().is_some_and(|letter| !matches!(letter, '\n' | '\r')) {
                self.read();
            }
            return;
        }
        self.read();
        let mut before = '\0';
        loop {
            let Some(mut letter) = self.read() else { return };
            if letter == '/' && before == '*' {
                return;
            }
            // The letter behind the end of a line is taken with it.
            if letter == '\r' {
                let Some(next) = self.read() else { return };
                letter = next;
                if letter == '\n' {
                    let Some(next) = self.read() else { return };
                    letter = next;
                }
            } else if letter == '\n' {
                let Some(next) = self.read() else { return };
                letter = next;
            }
            before = letter;
        }
    }

    /// Room for all that is left: a buffer that grows leaves copies of a secret behind.
    fn buffer(&self) -> Vec<u8> {
        Vec::with_capacity(self.text.len() - self.began)
    }
}

/// Escapes are as long in UTF-8 as they stand there, or shorter.
fn push(text: &mut Vec<u8>, letter: char) {
    text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
}

fn is_word(letter: char) -> bool {
    matches!(letter, 'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' | '$') || letter >= '\u{a0}'
}
