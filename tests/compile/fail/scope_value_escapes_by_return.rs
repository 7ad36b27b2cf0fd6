fn main() {
    let pool = aquifer::Pool::new();
    let value = pool.scope(|scope| scope.alloc(1));
    println!("{value:?}");
}
