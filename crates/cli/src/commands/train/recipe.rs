//! `--recipe`: what the command line leaves open.

use std::path::Path;

use ghostdet::Result;
use ghostdet_train::recipe::Recipe;

use super::Args;
use crate::options::read_text;

/// Reads a recipe.
///
/// # Errors
/// A file that can't be read, or is no recipe.
pub fn load(path: &Path) -> Result<Recipe> {
    let text = read_text(path)?;
    Recipe::parse(&text).map_err(|error| error.at(path.display()))
}

/// Sets from `recipe` what `args` leave open.
pub fn fill(args: &mut Args, recipe: &Recipe) {
    fn or<T: Clone>(given: &mut Option<T>, recipe: &Option<T>) {
        if given.is_none() {
            given.clone_from(recipe);
        }
    }
    if args.data.is_empty() {
        args.data.clone_from(&recipe.data);
        or(&mut args.images, &recipe.images);
    }
    if args.val.is_none() {
        or(&mut args.val, &recipe.val);
        or(&mut args.val_images, &recipe.val_images);
    }
    if args.sizes.is_empty() {
        args.sizes.clone_from(&recipe.sizes);
    }
    or(&mut args.cfg, &recipe.cfg);
    or(&mut args.weights, &recipe.weights);
    or(&mut args.epochs, &recipe.epochs);
    or(&mut args.batch, &recipe.batch);
    or(&mut args.nominal_batch, &recipe.nominal_batch);
    or(&mut args.imgsz, &recipe.imgsz);
    or(&mut args.close_mosaic, &recipe.close_mosaic);
    args.cos_lr |= recipe.cos_lr;
}
