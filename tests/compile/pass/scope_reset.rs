fn main() {
    let mut pool = aquifer::Pool::new();
    pool.scope(|scope| scope.alloc(1).is_ok());
    pool.reset();
}
