//! Expressions of the native subset.
//!
//! Lua folds arithmetic on literals while it compiles, and so does this parser; where the fold
//! gives a negative zero the script is refused, because Lua then confuses it with other zeros
//! of the script. Lines in error messages follow Lua's compiler: a call is on the line of its
//! parenthesis, an operation on the line on which its last operand ends.

use super::super::ast::{Arithmetic, Builtin, Equality, Expr, Field, Input, Line, Operand, Order};
use super::super::lexer::Token;
use super::super::{ARGUMENTS_MAX, NotNative, operation};
use super::{Parser, RESERVED};

/// How tightly `not`, `#` and the unary minus bind.
const UNARY_PRIORITY: u8 = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
enum BinaryOperator {
    Or,
    And,
    Equality(Equality),
    Order(Order),
    Concat,
    Arithmetic(Arithmetic),
}

impl BinaryOperator {
    fn of(token: &Token<'_>) -> Option<BinaryOperator> {
        Some(match token {
            Token::Word("or") => BinaryOperator::Or,
            Token::Word("and") => BinaryOperator::And,
            Token::Symbol("==") => BinaryOperator::Equality(Equality::Equal),
            Token::Symbol("~=") => BinaryOperator::Equality(Equality::NotEqual),
            Token::Symbol("<") => BinaryOperator::Order(Order::Less),
            Token::Symbol("<=") => BinaryOperator::Order(Order::LessOrEqual),
            Token::Symbol(">") => BinaryOperator::Order(Order::Greater),
            Token::Symbol(">=") => BinaryOperator::Order(Order::GreaterOrEqual),
            Token::Symbol("..") => BinaryOperator::Concat,
            Token::Symbol("+") => BinaryOperator::Arithmetic(Arithmetic::Add),
            Token::Symbol("-") => BinaryOperator::Arithmetic(Arithmetic::Subtract),
            Token::Symbol("*") => BinaryOperator::Arithmetic(Arithmetic::Multiply),
            Token::Symbol("/") => BinaryOperator::Arithmetic(Arithmetic::Divide),
            Token::Symbol("%") => BinaryOperator::Arithmetic(Arithmetic::Modulo),
            _ => return None,
        })
    }

    /// Binding strength to the left and to the right.
    fn priority(self) -> (u8, u8) {
        match self {
            BinaryOperator::Or => (1, 1),
            BinaryOperator::And => (2, 2),
            BinaryOperator::Equality(_) | BinaryOperator::Order(_) => (3, 3),
            BinaryOperator::Concat => (5, 4),
            BinaryOperator::Arithmetic(Arithmetic::Add | Arithmetic::Subtract) => (6, 6),
            BinaryOperator::Arithmetic(_) => (7, 7),
        }
    }
}

impl Parser<'_> {
    pub(super) fn expressions(&mut self) -> Result<Vec<Expr>, NotNative> {
        let mut expressions = vec![self.expression()?];
        while self.accept(",")? {
            expressions.push(self.expression()?);
            if expressions.len() > ARGUMENTS_MAX {
                let reason = format!("a list has more than {ARGUMENTS_MAX} expressions");
                return Err(self.refuse(reason));
            }
        }
        Ok(expressions)
    }

    pub(super) fn expression(&mut self) -> Result<Expr, NotNative> {
        self.binary(0)
    }

    /// An expression of operators that bind tighter than `limit`.
    fn binary(&mut self, limit: u8) -> Result<Expr, NotNative> {
        self.enter()?;
        let mut left = self.unary()?;
        while let Some(operator) = BinaryOperator::of(&self.token) {
            let (left_priority, right_priority) = operator.priority();
            if left_priority <= limit {
                break;
            }
            if operator == BinaryOperator::Concat {
                self.refuse_in_loop("'..'")?;
            }
            self.advance()?;
            let right = self.binary(right_priority)?;
            left = self.combine(operator, left, right)?;
        }
        self.leave();
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, NotNative> {
        match self.token {
            Token::Word("not") => {
                self.advance()?;
                Ok(Expr::Not(Box::new(self.binary(UNARY_PRIORITY)?)))
            }
            Token::Symbol("-") => {
                self.advance()?;
                match self.binary(UNARY_PRIORITY)? {
                    Expr::Number(value) => self.folded(-value),
                    expr => {
                        let line = self.last_line;
                        Ok(Expr::Negate(Box::new(self.operand(expr)?), line))
                    }
                }
            }
            Token::Symbol("#") => {
                self.advance()?;
                if let Some(input) = self.input() {
                    self.count_constant()?;
                    self.advance()?;
                    if matches!(self.token, Token::Symbol("[" | ".")) {
                        let element = self.element(input)?;
                        return self.length(element);
                    }
                    return Ok(Expr::InputLength(input));
                }
                let expr = self.binary(UNARY_PRIORITY)?;
                self.length(expr)
            }
            _ => self.simple(),
        }
    }

    fn length(&mut self, expr: Expr) -> Result<Expr, NotNative> {
        let line = self.last_line;
        Ok(Expr::Length(Box::new(self.operand(expr)?), line))
    }

    fn combine(
        &mut self,
        operator: BinaryOperator,
        left: Expr,
        right: Expr,
    ) -> Result<Expr, NotNative> {
        let line = self.last_line;
        Ok(match operator {
            BinaryOperator::Or => Expr::Or(Box::new(left), Box::new(right)),
            BinaryOperator::And => Expr::And(Box::new(left), Box::new(right)),
            BinaryOperator::Equality(equality) => {
                Expr::Equality(equality, Box::new(left), Box::new(right))
            }
            BinaryOperator::Order(order) => {
                Expr::Order(order, Box::new(left), Box::new(right), line)
            }
            BinaryOperator::Concat => self.concat(left, right, line)?,
            BinaryOperator::Arithmetic(arithmetic) => {
                if let (Expr::Number(a), Expr::Number(b)) = (&left, &right)
                    && let Some(value) = operation::fold(arithmetic, *a, *b)
                {
                    return self.folded(value);
                }
                let operands = (self.operand(left)?, self.operand(right)?);
                Expr::Arithmetic(arithmetic, Box::new(operands), line)
            }
        })
    }

    fn concat(&mut self, left: Expr, right: Expr, line: Line) -> Result<Expr, NotNative> {
        let left = self.operand(left)?;
        Ok(match right {
            Expr::Concat(operands, line) => {
                Expr::Concat(std::iter::once(left).chain(operands).collect(), line)
            }
            right => Expr::Concat(vec![left, self.operand(right)?], line),
        })
    }

    fn folded(&self, value: f64) -> Result<Expr, NotNative> {
        if value == 0.0 && value.is_sign_negative() {
            return Err(self.refuse("a literal is negative zero"));
        }
        Ok(Expr::Number(value))
    }

    /// An operand with the name that Lua gives it when it has the wrong type.
    fn operand(&self, expr: Expr) -> Result<Operand, NotNative> {
        let name = match &expr {
            Expr::Local(local) => match self.declaration(*local) {
                Some(declared) => format!("local '{}' ", declared.name),
                None => String::new(),
            },
            Expr::Element { .. } | Expr::ElementAt { .. } | Expr::Item(..) => "field '?' ".into(),
            Expr::Field(_, Field::Ok, _) => "field 'ok' ".into(),
            Expr::Field(_, Field::Err, _) => "field 'err' ".into(),
            Expr::And(..) | Expr::Or(..) => {
                return Err(self.refuse("and/or as the operand of an operator that may fail"));
            }
            _ => String::new(),
        };
        Ok(Operand {
            expr,
            name: name.into(),
        })
    }

    fn simple(&mut self) -> Result<Expr, NotNative> {
        let expr = match &mut self.token {
            Token::Number(value) => Expr::Number(*value),
            Token::Text(text) => Expr::Text(std::mem::take(text)),
            Token::Word("nil") => Expr::Nil,
            Token::Word("true") => Expr::Boolean(true),
            Token::Word("false") => Expr::Boolean(false),
            Token::Symbol("{") => return self.table(),
            _ => return self.suffixed(),
        };
        self.count_constant()?;
        self.advance()?;
        Ok(expr)
    }

    /// A name, call or parenthesis with the indexing behind it.
    pub(super) fn suffixed(&mut self) -> Result<Expr, NotNative> {
        let mut expr = self.primary()?;
        loop {
            match self.token {
                Token::Symbol(".") => {
                    self.advance()?;
                    let name = self.name()?;
                    expr = self.field(expr, name.as_bytes())?;
                }
                Token::Symbol("[") => {
                    self.advance()?;
                    let index = self.expression()?;
                    self.expect("]")?;
                    self.count_constant()?;
                    expr = match index {
                        Expr::Text(name) => self.field(expr, &name)?,
                        index => self.item(expr, index)?,
                    };
                }
                Token::Symbol("(" | ":" | "{") | Token::Text(_) => {
                    return Err(self.refuse("a call of this kind is not in the native subset"));
                }
                _ => return Ok(expr),
            }
        }
    }

    fn field(&mut self, base: Expr, name: &[u8]) -> Result<Expr, NotNative> {
        let field = field_named(name).ok_or_else(|| {
            let name = name.escape_ascii();
            self.refuse(format!("field '{name}' is not in the native subset"))
        })?;
        self.count_constant()?;
        let line = self.index_line()?;
        Ok(Expr::Field(Box::new(self.operand(base)?), field, line))
    }

    fn item(&mut self, base: Expr, index: Expr) -> Result<Expr, NotNative> {
        let line = self.index_line()?;
        Ok(Expr::Item(
            Box::new(self.operand(base)?),
            Box::new(index),
            line,
        ))
    }

    /// Lua names the line of the token that makes it fetch the field, which may be the one
    /// behind it. A line break between the two is not worth telling apart.
    fn index_line(&self) -> Result<Line, NotNative> {
        let may_fetch_later = BinaryOperator::of(&self.token).is_some()
            || matches!(self.token, Token::Symbol("," | ";" | ")" | "}" | "]"));
        if may_fetch_later && self.token_line != self.last_line {
            return Err(self.refuse("a line break right behind an index"));
        }
        Ok(self.last_line)
    }

    fn primary(&mut self) -> Result<Expr, NotNative> {
        if self.accept("(")? {
            let expr = self.expression()?;
            self.expect(")")?;
            return Ok(expr);
        }
        let Token::Word(word) = self.token else {
            return Err(self.unexpected());
        };
        if RESERVED.contains(&word) {
            return Err(self.unexpected());
        }
        self.count_constant()?;
        if let Some(local) = self.local(word) {
            self.advance()?;
            return Ok(Expr::Local(local));
        }
        if let Some(input) = self.input() {
            self.advance()?;
            return self.element(input);
        }
        let builtin = match word {
            "redis" => return self.redis_function(),
            "tonumber" => Builtin::ToNumber,
            "tostring" => Builtin::ToString,
            "type" => Builtin::Type,
            _ => return Err(self.refuse(format!("'{word}' is not in the native subset"))),
        };
        self.advance()?;
        self.builtin_call(builtin)
    }

    /// What stands behind KEYS or ARGV.
    fn element(&mut self, input: Input) -> Result<Expr, NotNative> {
        if !self.accept("[")? {
            return Err(self.refuse("KEYS and ARGV may only be indexed here"));
        }
        let index = self.expression()?;
        self.expect("]")?;
        match index {
            Expr::Number(index) => Ok(Expr::Element {
                input,
                index: operation::list_index(index),
            }),
            Expr::Local(index) => Ok(Expr::ElementAt { input, index }),
            _ => Err(self.refuse("KEYS and ARGV may only be indexed by a literal or a local")),
        }
    }

    fn table(&mut self) -> Result<Expr, NotNative> {
        let line = self.token_line;
        self.expect("{")?;
        self.count_constant()?;
        let (mut items, mut fields) = (Vec::new(), Vec::new());
        while self.token != Token::Symbol("}") {
            match self.token {
                Token::Symbol("[") => {
                    self.advance()?;
                    let Expr::Text(name) = self.expression()? else {
                        return Err(self.refuse("a table's keys may only be \"ok\" and \"err\""));
                    };
                    self.expect("]")?;
                    fields.push(self.table_field(&name)?);
                }
                Token::Word(word @ ("ok" | "err")) if self.local(word).is_none() => {
                    self.advance()?;
                    fields.push(self.table_field(word.as_bytes())?);
                }
                _ => items.push(self.expression()?),
            }
            if !self.accept(",")? && !self.accept(";")? {
                break;
            }
        }
        self.expect("}")?;
        // Both kinds are computed in the order they are written in.
        if !items.is_empty() && !fields.is_empty() {
            return Err(self.refuse("a table with both items and fields"));
        }
        Ok(Expr::Table {
            items,
            fields,
            line,
        })
    }

    fn table_field(&mut self, name: &[u8]) -> Result<(Field, Expr), NotNative> {
        let field = field_named(name)
            .ok_or_else(|| self.refuse("a table's keys may only be \"ok\" and \"err\""))?;
        self.expect("=")?;
        Ok((field, self.expression()?))
    }
}

fn field_named(name: &[u8]) -> Option<Field> {
    match name {
        b"ok" => Some(Field::Ok),
        b"err" => Some(Field::Err),
        _ => None,
    }
}
