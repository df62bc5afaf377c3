"""PyTorch as its DCGAN example writes it: DataLoader, separate backward passes for real and fake, Adam.

Convolutional tasks are in channels-last memory. --compile puts both networks through torch.compile.
"""

import itertools

import clock
import networks
import torch
from torch import nn


def layers(description, shape):
    """The layers and the shape of what comes out, (c, h, w) or (units,)."""
    found = []
    for kind, *how in description:
        match kind:
            case "dense":
                found.append(nn.Linear(shape[0], how[0]))
                shape = (how[0],)
            case "reshape":
                height, width, channels = how[0]
                shape = (channels, height, width)
                found.append(nn.Unflatten(1, shape))
            case "flatten":
                found.append(nn.Flatten())
                shape = (shape[0] * shape[1] * shape[2],)
            case "up":
                channels, kernel, stride = how
                # Padding that gives stride times the size.
                padding = (kernel - stride + 1) // 2
                found.append(
                    nn.ConvTranspose2d(
                        shape[0],
                        channels,
                        kernel,
                        stride,
                        padding,
                        output_padding=2 * padding - (kernel - stride),
                        bias=False,
                    )
                )
                shape = (channels, shape[1] * stride, shape[2] * stride)
            case "down":
                channels, kernel, stride = how
                found.append(nn.Conv2d(shape[0], channels, kernel, stride, (kernel - 1) // 2))
                shape = (channels, shape[1] // stride, shape[2] // stride)
            case "norm":
                found.append(nn.BatchNorm2d(shape[0]) if len(shape) == 3 else nn.BatchNorm1d(shape[0]))
            case "leaky":
                found.append(nn.LeakyReLU(how[0], inplace=True))
            case "dropout":
                found.append(nn.Dropout(how[0]))
            case "relu":
                found.append(nn.ReLU(inplace=True))
            case _:
                found.append({"tanh": nn.Tanh, "sigmoid": nn.Sigmoid}[kind]())
    return nn.Sequential(*found)


def real_batches(task, layout):
    """An endless iterator over images [n, c, h, w] in shuffled batches."""
    height, width, channels = task.image
    images = torch.rand(clock.IMAGES if height < 64 else 4000, channels, height, width) * 2 - 1
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images), task.batch, shuffle=True, drop_last=True
    )
    return (images.to(memory_format=layout) for (images,) in itertools.chain.from_iterable(itertools.repeat(loader)))


def main():
    parser = clock.parser()
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    task = networks.TASKS[options.task]
    height, width, channels = task.image
    # The MLP's data and images stay flat in memory; channels-last means something for convolutions only.
    layout = torch.channels_last if any(layer[0] == "down" for layer in task.discriminator) else torch.contiguous_format
    generator = layers(task.generator, (task.latent,)).to(memory_format=layout)
    discriminator = layers(task.discriminator, (channels, height, width)).to(memory_format=layout)
    if options.compile:
        generator, discriminator = torch.compile(generator), torch.compile(discriminator)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), task.learning_rate, task.betas)
    g_optimizer = torch.optim.Adam(generator.parameters(), task.learning_rate, task.betas)
    batches = real_batches(task, layout)
    criterion = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(task.batch), torch.zeros(task.batch)
    losses = []

    def latents():
        return torch.rand(task.batch, task.latent) * 2 - 1 if task.uniform_z else torch.randn(task.batch, task.latent)

    def gan_step():
        discriminator.zero_grad()
        d_real = criterion(discriminator(next(batches)).view(-1), ones)
        d_real.backward()
        fake = generator(latents())
        d_fake = criterion(discriminator(fake.detach()).view(-1), zeros)
        d_fake.backward()
        d_optimizer.step()
        generator.zero_grad()
        g_loss = criterion(discriminator(fake).view(-1), ones)
        g_loss.backward()
        g_optimizer.step()
        return (d_real + d_fake).detach(), g_loss.detach()

    def wgan_gp_step():
        for _ in range(task.d_steps):
            real = next(batches)
            discriminator.zero_grad()
            with torch.no_grad():
                fake = generator(latents())
            between = (real + torch.rand(task.batch, 1, 1, 1) * (fake - real)).requires_grad_()
            (gradient,) = torch.autograd.grad(discriminator(between).sum(), between, create_graph=True)
            penalty = ((gradient.flatten(1).norm(2, 1) - 1) ** 2).mean()
            d_loss = discriminator(fake).mean() - discriminator(real).mean() + 10 * penalty
            d_loss.backward()
            d_optimizer.step()
        generator.zero_grad()
        g_loss = -discriminator(generator(latents())).mean()
        g_loss.backward()
        g_optimizer.step()
        return d_loss.detach(), g_loss.detach()

    def step():
        losses.append(gan_step() if task.loss == "gan" else wgan_gp_step())
        if len(losses) % 50 == 0:
            torch.tensor([[x.item() for x in pair] for pair in losses])
            losses.clear()

    clock.measure(step, task, options.seconds)


if __name__ == "__main__":
    main()
