//! Types as they are written.

use super::{K, Parser};

impl Parser<'_> {
    pub(super) fn type_(&mut self) {
        let done = self.deeper(|parser| {
            parser.type_inner();
            Some(())
        });
        if done.is_none() {
            self.skip(&[]);
        }
    }

    fn type_inner(&mut self) {
        match self.kind() {
            K::BoolWord | K::StrWord | K::IntWord | K::FloatWord | K::VariantWord => {
                let named = self.start();
                self.bump();
                self.complete(named, K::NamedType);
            }
            K::OpenBracket => {
                let list = self.start();
                self.bump();
                if self.expect(K::CloseBracket, "`]`") {
                    self.type_();
                }
                self.complete(list, K::ListType);
            }
            K::MapWord => self.map_type(),
            K::StructWord => self.struct_type(),
            K::FuncWord => {
                let func = self.start();
                self.bump();
                if self.at(K::OpenParen) {
                    let said = self.diagnostics.len();
                    self.items(K::CloseParen, K::Args, "a type", Self::func_type_arg);
                    if self.diagnostics.len() == said || self.kind().starts_type() {
                        self.type_();
                    }
                } else {
                    self.unexpected("`(`");
                }
                self.complete(func, K::FuncType);
            }
            K::Identifier => {
                self.no_such_type();
                self.bump_wrong();
            }
            _ => self.unexpected("a type"),
        }
    }

    fn map_type(&mut self) {
        let map = self.start();
        self.bump();
        if !self.at(K::OpenBrace) {
            self.unexpected_help("`{`", "the type of a map is written `map{str: int}`");
            self.skip(&[K::Equals]);
        } else {
            self.bump();
            self.type_();
            if self.expect(K::Colon, "`:` and the type of the values") {
                self.type_();
            }
            if !self.eat(K::CloseBrace) {
                self.unexpected("`}`");
                self.skip(&[]);
                self.eat(K::CloseBrace);
            }
        }
        self.complete(map, K::MapType);
    }

    fn struct_type(&mut self) {
        let strukt = self.start();
        self.bump();
        if !self.expect(K::OpenBrace, "`{`") {
            self.complete(strukt, K::StructType);
            return;
        }
        while !self.at(K::CloseBrace) {
            let field = self.start();
            let is_field = self.expect(K::Identifier, "the name of a field");
            if is_field {
                self.type_();
            }
            self.complete(field, K::StructTypeField);
            if self.at(K::Comma) {
                self.unexpected_help("`;`", "the fields of a struct type are separated by `;`");
                self.bump_wrong();
            } else if self.at(K::Semicolon) {
                self.bump();
                if self.at(K::CloseBrace) {
                    self.unexpected_help("the name of a field", "remove the last `;`");
                }
            } else if !self.at(K::CloseBrace) {
                self.unexpected("`;` or `}`");
                self.skip(&[K::Semicolon]);
                if !self.eat(K::Semicolon) {
                    break;
                }
            }
        }
        self.eat(K::CloseBrace);
        self.complete(strukt, K::StructType);
    }

    fn func_type_arg(&mut self) -> bool {
        let arg = self.start();
        let mut is_arg = true;
        if self.at(K::Dollar) {
            self.variable_name();
            self.type_();
        } else if self.kind().starts_type() {
            self.type_();
        } else {
            self.unexpected("a type");
            is_arg = false;
        }
        self.complete(arg, K::FuncTypeArg);
        is_arg
    }
}
