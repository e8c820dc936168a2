//! Statements of the native subset, and the names they declare.
//!
//! A recursive descent over tokens with one token of look-ahead. It resolves every name to a
//! local or to a known global, and refuses what is outside the language subset with a sentence
//! for people. Expressions, calls and loops have files of their own; what needs the whole tree is left to `check`.

mod call;
mod expression;
mod loops;

use super::ast::{Arm, Block, Declaration, Expr, Input, Line, Local, Origin, Script, Statement};
use super::lexer::{Lexer, Token};
use super::{
    CONSTANTS_MAX, LOCALS_MAX, NESTING_MAX, NotNative, SCRIPT_BYTES_MAX, STATEMENT_CONSTANTS_MAX,
};

pub(super) struct Parser<'s> {
    lexer: Lexer<'s>,
    token: Token<'s>,
    /// Where `token` ends.
    token_line: Line,
    /// Where the token before it ended.
    last_line: Line,
    declarations: Vec<Declaration>,
    /// Declarations in scope, innermost last; the place is the slot.
    scope: Vec<usize>,
    slots: usize,
    depth: usize,
    constants: usize,
    /// Those of the statement that is being parsed.
    statement_constants: usize,
    place: Place,
}

/// Whether a statement stands in a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Straight,
    Loop,
}

impl<'s> Parser<'s> {
    /// Parses a whole script.
    pub(super) fn script(source: &'s [u8]) -> Result<Script, NotNative> {
        if source.len() > SCRIPT_BYTES_MAX {
            let reason = format!("the script is longer than {SCRIPT_BYTES_MAX} bytes");
            return Err(NotNative { line: 1, reason });
        }
        let mut parser = Parser {
            lexer: Lexer::new(source),
            token: Token::End,
            token_line: 1,
            last_line: 1,
            declarations: Vec::new(),
            scope: Vec::new(),
            slots: 0,
            depth: 0,
            constants: 0,
            statement_constants: 0,
            place: Place::Straight,
        };
        parser.advance()?;
        let body = parser.block()?;
        if parser.token != Token::End {
            return Err(parser.unexpected());
        }
        Ok(Script {
            body,
            declarations: parser.declarations,
            slots: parser.slots,
        })
    }

    fn refuse(&self, reason: impl Into<String>) -> NotNative {
        NotNative {
            line: self.token_line,
            reason: reason.into(),
        }
    }

    fn unexpected(&self) -> NotNative {
        self.refuse(match &self.token {
            Token::Word(word) => format!("'{word}' is not in the native subset here"),
            Token::Symbol(symbol) => format!("'{symbol}' is not in the native subset here"),
            Token::Number(_) => "a number is not expected here".to_owned(),
            Token::Text(_) => "a string is not expected here".to_owned(),
            Token::End => "the script ends too early".to_owned(),
        })
    }

    fn advance(&mut self) -> Result<Token<'s>, NotNative> {
        self.last_line = self.token_line;
        let next = self.lexer.token()?;
        self.token_line = self.lexer.line();
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Steps over `symbol` if it is next.
    fn accept(&mut self, symbol: &'static str) -> Result<bool, NotNative> {
        let is_next = self.token == Token::Symbol(symbol);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), NotNative> {
        if self.accept(symbol)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    fn accept_word(&mut self, word: &'static str) -> Result<bool, NotNative> {
        let is_next = self.token == Token::Word(word);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect_word(&mut self, word: &'static str) -> Result<(), NotNative> {
        if self.accept_word(word)? {
            Ok(())
        } else {
            Err(self.unexpected())
        }
    }

    /// A name that is no reserved word.
    fn name(&mut self) -> Result<&'s str, NotNative> {
        match self.token {
            Token::Word(word) if !RESERVED.contains(&word) => {
                self.advance()?;
                Ok(word)
            }
            _ => Err(self.unexpected()),
        }
    }

    /// Counts a literal or global name: past 255 of them Lua keeps some in registers, and its
    /// error messages change.
    fn count_constant(&mut self) -> Result<(), NotNative> {
        self.constants += 1;
        self.statement_constants += 1;
        if self.constants > CONSTANTS_MAX {
            return Err(self.refuse(format!("there are more than {CONSTANTS_MAX} operands")));
        }
        if self.statement_constants > STATEMENT_CONSTANTS_MAX {
            let reason = format!("a statement has more than {STATEMENT_CONSTANTS_MAX} operands");
            return Err(self.refuse(reason));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), NotNative> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(self.refuse(format!("it is nested deeper than {NESTING_MAX}")));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Refuses what would make the run time of a loop more than linear.
    fn refuse_in_loop(&self, what: &str) -> Result<(), NotNative> {
        match self.place {
            Place::Straight => Ok(()),
            Place::Loop => Err(self.refuse(format!("{what} inside a loop"))),
        }
    }

    fn local(&self, name: &str) -> Option<Local> {
        self.scope
            .iter()
            .enumerate()
            .rev()
            .find_map(|(slot, &declaration)| {
                let declared = self.declarations.get(declaration)?;
                (*declared.name == *name).then_some(Local { slot, declaration })
            })
    }

    fn declaration(&self, local: Local) -> Option<&Declaration> {
        self.declarations.get(local.declaration)
    }

    fn declare(&mut self, name: &str, origin: Origin) -> Result<usize, NotNative> {
        let slot = self.scope.len();
        if slot == LOCALS_MAX {
            return Err(self.refuse(format!("there are more than {LOCALS_MAX} locals")));
        }
        self.scope.push(self.declarations.len());
        self.declarations.push(Declaration {
            name: name.into(),
            origin,
            is_assigned: false,
        });
        self.slots = self.slots.max(slot + 1);
        Ok(slot)
    }

    /// Statements up to a word that ends a block; `return` and `break` must be the last ones.
    fn block(&mut self) -> Result<Block, NotNative> {
        self.enter()?;
        let outer_scope = self.scope.len();
        let mut statements = Block::new();
        while !matches!(
            self.token,
            Token::End | Token::Word("end" | "else" | "elseif")
        ) {
            let statement = self.statement()?;
            let is_last = matches!(statement, Statement::Return(_) | Statement::Break);
            statements.push(statement);
            self.accept(";")?;
            if is_last {
                break;
            }
        }
        self.scope.truncate(outer_scope);
        self.leave();
        Ok(statements)
    }

    fn statement(&mut self) -> Result<Statement, NotNative> {
        self.statement_constants = 0;
        match self.token {
            Token::Word("local") => self.local_statement(),
            Token::Word("if") => self.if_statement(),
            Token::Word("for") => self.for_statement(),
            Token::Word("return") => self.return_statement(),
            Token::Word("do") => {
                self.advance()?;
                let body = self.block()?;
                self.expect_word("end")?;
                Ok(Statement::Do(body))
            }
            Token::Word("break") => {
                if self.place == Place::Straight {
                    return Err(self.refuse("break outside a loop"));
                }
                self.advance()?;
                Ok(Statement::Break)
            }
            Token::Word(word) if !RESERVED.contains(&word) => self.assignment_or_call(word),
            _ => Err(self.unexpected()),
        }
    }

    fn local_statement(&mut self) -> Result<Statement, NotNative> {
        self.advance()?;
        let names = self.names()?;
        let values = if self.accept("=")? {
            self.expressions()?
        } else {
            Vec::new()
        };
        let first_slot = self.scope.len();
        for (index, name) in names.iter().enumerate() {
            let origin = values.get(index).map_or(Origin::Plain, Self::origin);
            self.declare(name, origin)?;
        }
        Ok(Statement::Local {
            first_slot,
            count: names.len(),
            values,
        })
    }

    fn names(&mut self) -> Result<Vec<&'s str>, NotNative> {
        let mut names = vec![self.name()?];
        while self.accept(",")? {
            names.push(self.name()?);
        }
        Ok(names)
    }

    fn origin(value: &Expr) -> Origin {
        match value {
            Expr::Element {
                input: Input::Keys, ..
            }
            | Expr::ElementAt {
                input: Input::Keys, ..
            } => Origin::Key,
            Expr::Local(local) => Origin::CopyOf(local.declaration),
            Expr::Nil
            | Expr::Boolean(_)
            | Expr::Number(_)
            | Expr::Text(_)
            | Expr::Element { .. }
            | Expr::ElementAt { .. }
            | Expr::Command(_) => Origin::Plain,
            _ => Origin::Unknown,
        }
    }

    fn assignment_or_call(&mut self, word: &'s str) -> Result<Statement, NotNative> {
        if self.local(word).is_none() {
            let expr = self.suffixed()?;
            if matches!(expr, Expr::Command(_) | Expr::Builtin(..)) {
                return Ok(Statement::Evaluate(expr));
            }
            return Err(self.unexpected());
        }
        let mut targets = Vec::new();
        loop {
            let name = self.name()?;
            let Some(local) = self.local(name) else {
                return Err(self.refuse(format!("'{name}' is no local variable")));
            };
            targets.push(local);
            if !self.accept(",")? {
                break;
            }
        }
        self.expect("=")?;
        let values = self.expressions()?;
        for target in &targets {
            if let Some(declared) = self.declarations.get_mut(target.declaration) {
                declared.is_assigned = true;
            }
        }
        Ok(Statement::Assign { targets, values })
    }

    fn if_statement(&mut self) -> Result<Statement, NotNative> {
        let mut arms = Vec::new();
        let mut otherwise = Block::new();
        loop {
            self.advance()?;
            let condition = self.expression()?;
            self.expect_word("then")?;
            arms.push(Arm::new(condition, self.block()?));
            if self.token != Token::Word("elseif") {
                break;
            }
        }
        if self.accept_word("else")? {
            otherwise = self.block()?;
        }
        self.expect_word("end")?;
        Ok(Statement::If { arms, otherwise })
    }

    fn return_statement(&mut self) -> Result<Statement, NotNative> {
        self.advance()?;
        let ends = matches!(
            self.token,
            Token::End | Token::Symbol(";") | Token::Word("end" | "else" | "elseif")
        );
        Ok(Statement::Return(if ends {
            Vec::new()
        } else {
            self.expressions()?
        }))
    }

    /// KEYS or ARGV, if that is the next token.
    fn input(&self) -> Option<Input> {
        let Token::Word(word) = self.token else {
            return None;
        };
        let input = match word {
            "KEYS" => Input::Keys,
            "ARGV" => Input::Argv,
            _ => return None,
        };
        self.local(word).is_none().then_some(input)
    }
}

/// The reserved words of Lua 5.1.
const RESERVED: [&str; 21] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local",
    "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];
