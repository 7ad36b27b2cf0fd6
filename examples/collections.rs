// cargo run --example collections
//! Groups orders by customer: the collections and their texts lie in one pool and vanish with it.

use std::error::Error;

use allocator_api2::vec::Vec;
use aquifer::{AllocError, Pool};
use hashbrown::{DefaultHashBuilder, HashMap};

const ORDERS: &str = "\
    Ada, 2, lamp, 1990\n\
    Grace, 1, desk, 24900\n\
    Ada, 4, chair, 8900\n\
    Linus, 12, pencil, 90\n\
    Grace, 2, lamp, 1990\n";

/// One line of an order; the texts lie in the pool.
struct Item<'pool> {
    label: &'pool str,
    cents: u64,
}

/// All items by customer. The map and each of its vectors grow in the pool.
type Orders<'pool> =
    HashMap<&'pool str, Vec<Item<'pool>, &'pool Pool>, DefaultHashBuilder, &'pool Pool>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut pool = Pool::builder().name("orders").build();
    let text = pool.alloc_str(ORDERS)?;
    let orders = read(&pool, text)?;
    print(&pool, &orders)?;

    let stats = pool.stats();
    println!("{} bytes used, {} held, at most {}", stats.used, stats.held, stats.high_water);
    drop(orders);
    pool.reset();
    println!("{} bytes used after the reset", pool.stats().used);
    Ok(())
}

/// Reads lines of `customer, count, article, price in cents`.
fn read<'pool>(pool: &'pool Pool, text: &'pool str) -> Result<Orders<'pool>, Box<dyn Error>> {
    let mut orders = Orders::new_in(pool);
    for line in text.lines() {
        let mut fields = line.split(',').map(str::trim);
        let mut next = || fields.next().ok_or_else(|| format!("too short: {line:?}"));
        let (customer, count, article, price) = (next()?, next()?, next()?, next()?);
        let label = pool.alloc_fmt(format_args!("{count} x {article}"))?;
        let item = Item { label, cents: count.parse::<u64>()? * price.parse::<u64>()? };
        orders.entry(customer).or_insert_with(|| Vec::new_in(pool)).push(item);
    }
    Ok(orders)
}

/// Prints a line for each customer, in the order of their names.
fn print(pool: &Pool, orders: &Orders<'_>) -> Result<(), AllocError> {
    pool.scope(|scope| {
        let customers = scope.alloc_slice_from_iter(orders.iter())?;
        customers.sort_unstable_by_key(|(name, _)| **name);
        for (name, items) in customers {
            let cents = items.iter().map(|item| item.cents).sum::<u64>();
            print!("{name:6} {:>4}.{:02}", cents / 100, cents % 100);
            items.iter().for_each(|item| print!("  {}", item.label));
            println!();
        }
        Ok(())
    })
}
